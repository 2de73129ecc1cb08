"""An error as it is sent between processes, and as it is stored in a result."""

from __future__ import annotations

from typing import Self

from msgspec import Struct

from etbench.errors import EtbenchError

__all__ = ["Failure"]


class Failure(Struct, frozen=True, kw_only=True):
    """Why a cell has no figures: the stage, what happened there, and what can be done."""

    stage: str
    kind: str
    message: str
    hint: str
    traceback: str

    @classmethod
    def of(cls, error: EtbenchError) -> Self:
        """Return an error as a value."""
        return cls(
            stage=error.stage,
            kind=error.kind,
            message=error.message,
            hint=error.hint,
            traceback=error.traceback,
        )

    def error(self) -> EtbenchError:
        """Return the value as an error again."""
        return EtbenchError(
            self.message, stage=self.stage, hint=self.hint, kind=self.kind, traceback=self.traceback
        )
