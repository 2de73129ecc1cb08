"""An error as it is sent between processes, and as it is stored in a result."""

from __future__ import annotations

import signal
from typing import Self

from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.redaction import without_secrets
from etbench.text import writable

__all__ = ["Failure"]


# No process sends these to itself when it goes wrong: a person, a batch system or the kernel does.
FROM_OUTSIDE = ("SIGKILL", "SIGTERM", "SIGINT", "SIGHUP")


class Failure(Struct, frozen=True, kw_only=True):
    """Why a cell has no figures: the stage, what happened there, and what can be done.

    `where` is the line of the user's code in which it happened, if there is one. `log` are the lines that the
    runtime and the delegate printed about it. `known` is the code of a known failure of a library, empty for
    any other; the reference of known failures lists them. `exit_status` is that of the process that failed,
    if one did; the negative number of the signal that killed it.
    """

    stage: str
    kind: str
    message: str
    hint: str
    traceback: str
    where: str = ""
    log: list[str] = []
    known: str = ""
    exit_status: int | None = None

    @property
    def first_line(self) -> str:
        """The first line of the message, or the kind of the error if it has none."""
        return (self.message.splitlines() or [self.kind])[0]

    @property
    def killed_by(self) -> str:
        """The signal by which the process that failed was killed from outside; empty if it was not."""
        status = self.exit_status or 0
        name = next((one.name for one in signal.Signals if one == -status), "")
        return name if name in FROM_OUTSIDE else ""

    @classmethod
    def of(cls, error: EtbenchError) -> Self:
        """Return an error as a value, without secrets; what cannot be written as UTF-8 is escaped."""
        return cls(
            stage=error.stage,
            kind=error.kind,
            message=_clean(error.message),
            hint=_clean(error.hint),
            traceback=_clean(error.traceback),
            where=_clean(error.where),
            log=[_clean(line) for line in error.log],
            exit_status=error.exit_status,
        )

    def error(self) -> EtbenchError:
        """Return the value as an error again."""
        return EtbenchError(
            self.message,
            stage=self.stage,
            hint=self.hint,
            kind=self.kind,
            traceback=self.traceback,
            where=self.where,
            log=self.log,
            exit_status=self.exit_status,
        )


def _clean(text: str) -> str:
    return writable(without_secrets(text))
