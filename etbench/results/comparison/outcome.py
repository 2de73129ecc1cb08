"""What a comparison amounts to: all reasons against "passed", and the exit status."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from msgspec import Struct

from etbench.exit_status import FAILED, REGRESSION, UNDECIDED, first_of
from etbench.results.schema import CellComparison
from etbench.stats.verdict import Levels
from etbench.text import counted, percent

__all__ = ["REASONS", "Outcome", "decision_counts", "family_rule", "outcome_of"]

# The reasons in the order in which they are listed, each with its exit status.
REASONS = {
    "failed": FAILED,
    "wrong": FAILED,
    "missing": FAILED,
    "regression": REGRESSION,
    "condition met": REGRESSION,
    "undecided": UNDECIDED,
}


class Outcome(Struct, frozen=True, kw_only=True):
    """The reasons that apply, those that the user allowed, and the exit status: that of the first."""

    applies: list[str]
    allowed: list[str]
    status: int

    @property
    def heading(self) -> str:
        """The outcome in words; ``passed`` only if everything was decided."""
        if self.applies:
            return ", ".join(self.applies)
        return "undecided (allowed)" if "undecided" in self.allowed else "passed"


def outcome_of(reasons: Iterable[str], allow: Collection[str] = ()) -> Outcome:
    """Return the outcome for reasons of `REASONS`, of which the user allows some.

    >>> outcome_of(["undecided", "regression"])
    Outcome(applies=['regression', 'undecided'], allowed=[], status=3)
    """
    found = [reason for reason in REASONS if reason in set(reasons)]
    applies = [reason for reason in found if reason not in allow]
    return Outcome(
        applies=applies,
        allowed=[reason for reason in found if reason in allow],
        status=first_of([REASONS[reason] for reason in applies]),
    )


def decision_counts(cells: Collection[CellComparison]) -> str:
    """Count the decisions on compared cells, and state the thresholds."""
    decisions = [cell.decision for cell in cells]
    counts = [f"{decisions.count(word)} {word}" for word in dict.fromkeys(decisions)]
    thresholds = sorted({cell.threshold for cell in cells if cell.threshold is not None})
    allowed = " or ".join(percent(threshold) for threshold in thresholds)
    words = ", ".join([f"{counted(len(decisions), 'cell')} compared", *counts])
    return f"{words}; a slowdown of up to {allowed} is allowed" if allowed else words


def family_rule(cells: Collection[CellComparison]) -> str:
    """State the rule by which cells that are compared at once are judged; empty for a single cell."""
    judged = sum(cell.verdict != "none" for cell in cells)
    if judged < 2:
        return ""
    alarm = Levels().regression
    return (
        f"{judged} cells, judged as one family (Holm): a chance of {percent(alarm)} of any false regression, "
        f"{percent(2 * alarm)} of any false faster or slower"
    )
