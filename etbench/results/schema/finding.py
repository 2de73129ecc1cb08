"""Something wrong or doubtful about a cell."""

from __future__ import annotations

from typing import Literal, get_args

from msgspec import Struct

__all__ = ["SEVERITIES", "Finding", "Severity"]

Severity = Literal["error", "warning", "note"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)  # the worst first


class Finding(Struct, frozen=True, kw_only=True):
    """What a check found in a result; `etbench.results.checks` declares the checks.

    `code` is stable, such as ``parity.output_lost``. An ``error`` means that the figures are not those of the
    model's program, a ``warning`` that they are doubtful, a ``note`` what must be known to read them.
    `message` states the facts, `cure` what to do. An error in `checks.accept` becomes a warning that is
    `accepted`.
    """

    code: str
    severity: Severity
    message: str
    cure: str = ""
    accepted: bool = False

    @property
    def kind(self) -> str:
        """The severity in words: ``accepted`` for an error that is accepted."""
        return "accepted" if self.accepted else self.severity
