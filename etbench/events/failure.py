"""An error as it is sent between processes, and as it is stored in a result."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.redaction import without_secrets

__all__ = ["Failure"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why a cell has no figures: the stage, what happened there, and what can be done.

    `where` is the line of the user's code in which it happened, if there is one. `log` are the lines that the
    runtime and the delegate printed about it. `known` is the code of a known failure of a library, empty for
    any other; the reference of known failures lists them.
    """

    stage: str
    kind: str
    message: str
    hint: str
    traceback: str
    where: str = ""
    log: list[str] = []
    known: str = ""

    @classmethod
    def of(cls, error: EtbenchError) -> Self:
        """Return an error as a value, without secrets; what cannot be written as UTF-8 is escaped."""
        return cls(
            stage=error.stage,
            kind=error.kind,
            message=_writable(error.message),
            hint=_writable(error.hint),
            traceback=_writable(error.traceback),
            where=_writable(error.where),
            log=[_writable(line) for line in error.log],
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
        )


def _writable(text: str) -> str:
    """Return a text without secrets, and with lone surrogates escaped, as of a path that is not UTF-8."""
    return without_secrets(text).encode("utf-8", "backslashreplace").decode("utf-8")
