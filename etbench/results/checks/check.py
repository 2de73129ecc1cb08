"""The declaration of one check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from etbench.results.schema import Result, Severity

__all__ = ["Check"]


@dataclass(frozen=True)
class Check:
    """Something that can be wrong or doubtful about a cell.

    Args:
        code: stable; results, `checks.accept` and `--fail-if finding:CODE` use it.
        severity: of an ``error`` the cell has the status ``wrong``.
        title: what it means, for the documentation.
        find: returns the facts of a result as a message, or None if the check does not apply. It depends on
            nothing but the result.
        cure: what to do about it.

    """

    code: str
    severity: Severity
    title: str
    find: Callable[[Result], str | None]
    cure: str = ""
