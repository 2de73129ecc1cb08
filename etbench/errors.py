"""The errors of etbench: each names the stage, what was wrong, and what to do about it."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

__all__ = ["ConfigError", "EtbenchError", "NotApplicableError", "closest", "nearest"]


def nearest(word: str, choices: Iterable[str]) -> str:
    """Return `` (did you mean 'x'?)`` for the choice that looks most like `word`, or nothing."""
    match = closest(word, choices)
    return f" (did you mean {match!r}?)" if match is not None else ""


def closest(word: str, choices: Iterable[str]) -> str | None:
    """Return the choice that looks most like `word`, or None if none does."""
    matches = difflib.get_close_matches(word, list(choices), n=1, cutoff=0.5)
    return matches[0] if matches else None


class EtbenchError(Exception):
    """A failure that is explained to the user instead of shown as a traceback.

    Args:
        message: what was being done and the value that was wrong.
        stage: the step of the cell in which it happened, such as ``load`` or ``lower``.
        hint: what the user can do about it; empty if there is no advice.
        kind: name of the original exception, if this one was translated.
        traceback: the original traceback as text, kept for the result file.
        exit_status: exit status of the process that failed, if one did.
        where: the line of the user's code in which it happened, if there is one.
        log: what the runtime and the delegate printed about it.

    """

    def __init__(
        self,
        message: str,
        *,
        stage: str,
        hint: str = "",
        kind: str = "",
        traceback: str = "",
        exit_status: int | None = None,
        where: str = "",
        log: Sequence[str] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.stage = stage
        self.hint = hint
        self.kind = kind or type(self).__name__
        self.traceback = traceback
        self.exit_status = exit_status
        self.where = where
        self.log = tuple(log)

    def __str__(self) -> str:
        return f"{self.stage}: {self.message}" + (f"\n  hint: {self.hint}" if self.hint else "")


class NotApplicableError(EtbenchError):
    """What a cell asks for makes no sense for its model, as the build shows: it is skipped, not failed."""


class ConfigError(EtbenchError):
    """One or more errors in the configuration, reported together (exit status 2)."""

    def __init__(self, faults: Sequence[str]) -> None:
        self.faults = tuple(faults)
        count = "1 error" if len(self.faults) == 1 else f"{len(self.faults)} errors"
        super().__init__(
            f"{count} in the configuration\n" + "\n".join(f"  - {fault}" for fault in self.faults),
            stage="config",
        )

    @classmethod
    def of_all(cls, errors: Sequence[Exception]) -> ConfigError:
        """Combine several errors into one; an error of another kind contributes its message."""
        faults = [
            fault for error in errors for fault in (error.faults if isinstance(error, cls) else [str(error)])
        ]
        return cls(list(dict.fromkeys(faults)))
