"""What each precision costs in accuracy: the difference to fp32, judged on the same items."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pandas as pd

from etbench.results.tables.evaluation import RANDOM, paired_answers
from etbench.results.tables.frames import BASE_PRECISION, IDENTITY, against, with_raw
from etbench.stats.shares import PairedShares, compare_shares
from etbench.text import counted

__all__ = ["ACCURACY_COLUMNS", "AccuracyChange", "accuracy_changes", "compare_accuracy"]

WRONG = 0.05  # chance that any figure of these cells is falsely called better or worse
MARGIN = 0.01  # a loss that many accept: one percentage point

# The columns of accuracy.csv and their meaning.
ACCURACY_COLUMNS = {
    "model": "model",
    "precision": "precision",
    "delegate": "delegate",
    "base": "precision that it is compared with",
    "figure": "name of the figure that the accuracy function returned",
    "value": "the figure",
    "value_base": "that of the baseline",
    "change": "its difference to that of the baseline",
    "change_low": "lower bound of the difference (95 % for all rows together)",
    "change_high": "upper bound",
    "lost": "items that are right with the baseline only",
    "won": "items that are right with the cell only",
    "items": "items that both judged",
    "p_value": "of McNemar's exact test on the lost and won items",
    "verdict": "`better`, `worse` or `undecided` (95 % for all rows together), or why it is not judged",
    "within_1pp": "true if it is shown to lose less than one percentage point",
    "smallest_loss": "the least loss that so many items can show",
    "weights": "where the weights came from; with `random` ones an accuracy means nothing",
}


@dataclass(frozen=True)
class AccuracyChange:
    """A figure of a cell and of its baseline.

    Args:
        cell: the row of the cell in the frame.
        base: precision of the baseline.
        figure: its name.
        value: of the cell.
        value_base: of the baseline.
        shares: both item by item; None if that is not known.
        unknown: why it is not judged; empty if it is.

    """

    cell: dict[str, Any]
    base: str
    figure: str
    value: float
    value_base: float
    shares: PairedShares | None = None
    unknown: str = ""

    @property
    def verdict(self) -> str:
        """What the items show, or why that is not judged."""
        return self.unknown or (self.shares.verdict if self.shares else "")

    @property
    def is_share(self) -> bool:
        """Whether the figure is a share of items."""
        return self.figure in self.cell["evaluation_items"]

    @property
    def words(self) -> str:
        """The verdict in full: what of a loss is left, or how large one so many items could show."""
        shares = self.shares
        if shares is None:
            return f"not judged: {self.unknown}"
        verdict: str = shares.verdict
        if shares.lost == shares.won == 0:
            verdict = f"{verdict}, equal in all {counted(shares.items, 'item')}"
        if shares.verdict != "better" and shares.keeps(MARGIN):
            by = "by less than" if verdict == "worse" else "within"
            return f"{verdict}, {by} {100 * MARGIN:g} pp"
        if shares.verdict != "undecided":
            return shares.verdict
        if shares.smallest_loss is None:
            return f"{verdict}: {counted(shares.items, 'item')} can show no loss"
        least = f"{-100 * shares.smallest_loss:.2f} pp"
        return f"{verdict}: {shares.items} items can only show a loss of {least} or more"


def accuracy_changes(frame: pd.DataFrame, base: str = BASE_PRECISION) -> list[AccuracyChange]:
    """Compare the figures of each cell with those of its baseline, which `against` finds.

    A share of items is judged item by item (`etbench.stats.shares`) if both cells judged the same ones, with
    a confidence of 95 % for all of them together (Bonferroni). The accuracy of random weights is not judged.
    """
    pairs = list(_pairs(frame, base))
    paired = [pair for pair in pairs if not isinstance(pair[-1], str)]
    confidence = 1 - WRONG / max(1, len(paired))
    changes = []
    for cell, name, value, value_base, answers in pairs:
        known = not isinstance(answers, str)
        changes.append(
            AccuracyChange(
                cell,
                base,
                name,
                value,
                value_base,
                shares=compare_shares(*answers, confidence=confidence) if known else None,
                unknown="" if known else answers,
            )
        )
    return changes


def _pairs(frame: pd.DataFrame, base: str) -> Iterator[tuple[Any, ...]]:
    """Yield each figure of a cell and its baseline, and the answers of both or why they are not compared."""
    frame = with_raw(frame, ["evaluation", "evaluation_items"])
    if not frame["evaluation"].notna().any():
        return
    for cell in against(frame, "precision", base).to_dict("records"):
        figures, figures_base = cell["evaluation"] or {}, cell["evaluation_base"] or {}
        for name in figures:
            value, value_base = figures[name], figures_base.get(name)
            if value is not None and value_base is not None:
                sides = (cell[f"evaluation_items{end}"].get(name) for end in ("_base", ""))
                answers = "random weights" if cell["weights"] == RANDOM else paired_answers(*sides)
                yield cell, name, value, value_base, answers


def compare_accuracy(frame: pd.DataFrame, base: str = BASE_PRECISION) -> pd.DataFrame:
    """Return one row per figure of a cell that has a baseline, with the columns `ACCURACY_COLUMNS`."""
    rows = [_row(one) for one in accuracy_changes(frame, base)]
    table = pd.DataFrame(rows, columns=list(ACCURACY_COLUMNS))
    return table.astype(dict.fromkeys(("lost", "won", "items"), "Int64"))


def _row(one: AccuracyChange) -> dict[str, Any]:
    shares = one.shares
    return {name: one.cell[name] for name in (*IDENTITY, "weights")} | {
        "base": one.base,
        "figure": one.figure,
        "value": one.value,
        "value_base": one.value_base,
        "change": one.value - one.value_base,
        "change_low": shares and shares.low,
        "change_high": shares and shares.high,
        "lost": shares and shares.lost,
        "won": shares and shares.won,
        "items": shares and shares.items,
        "p_value": shares and shares.p_value,
        "verdict": one.verdict,
        "within_1pp": shares and shares.keeps(MARGIN),
        "smallest_loss": shares and shares.smallest_loss,
    }
