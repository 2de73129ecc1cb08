"""The accuracy of the cells in the report: their figures, and what each precision costs in them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pandas as pd

from etbench.results.report.grid import CELL, Grid, Heading, grid
from etbench.results.tables.accuracy import accuracy_changes
from etbench.results.tables.evaluation import HIGH, LOW, RANDOM, accuracy_text
from etbench.results.tables.frames import BASE_PRECISION, accuracies
from etbench.results.tables.numbers import number

__all__ = ["accuracy_grid", "accuracy_headings", "change_grid", "marked"]

MARK = "accuracy_mark"
SHARE = partial(accuracy_text, is_share=True)


def accuracy_headings(frame: pd.DataFrame) -> list[Heading]:
    """Return the headings of the figures of accuracy functions, for a frame from `marked`."""
    return [Heading(name, name, _writer(frame, name), mark=MARK) for name in accuracies(frame)]


def _writer(frame: pd.DataFrame, name: str) -> Callable[[float], str]:
    """Return the format of a figure: that of a share, which has an interval, or of a number."""
    return SHARE if f"{name}{LOW}" in frame else number


def marked(frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame with a column that marks the figures of random weights."""
    return frame.assign(**{MARK: frame["weights"].map({RANDOM: f"({RANDOM} weights)"})})


def accuracy_grid(frame: pd.DataFrame) -> Grid:
    """List the figures of the accuracy functions, with their intervals where they are a share of items."""
    shown = marked(frame[frame["evaluation"].notna()])
    headings = [*CELL]
    for name in accuracies(shown):
        headings += [one for one in accuracy_headings(shown) if one.column == name]
        if f"{name}{LOW}" in shown:
            headings += [Heading(f"{name}{LOW}", "95 % from", SHARE), Heading(f"{name}{HIGH}", "to", SHARE)]
    return grid(shown, [*headings, Heading("weights", "weights")], "Accuracy")


def change_grid(frame: pd.DataFrame) -> Grid:
    """List what each cell loses and wins against its baseline in fp32, item by item."""
    rows = [
        {
            **{heading.column: one.cell[heading.column] for heading in CELL},
            "figure": one.figure,
            "base": one.value_base,
            "value": one.value,
            "change": (one.value - one.value_base) * (100 if one.is_share else 1),
            "low": one.shares and 100 * one.shares.low,
            "high": one.shares and 100 * one.shares.high,
            "lost": one.shares and one.shares.lost,
            "won": one.shares and one.shares.won,
            "items": one.shares and one.shares.items,
            "p": one.shares and one.shares.p_value,
            "verdict": one.words,
        }
        for one in accuracy_changes(frame)
    ]
    headings = [
        *CELL,
        Heading("figure", "figure"),
        Heading("base", BASE_PRECISION, number),
        Heading("value", "value", number),
        Heading("change", "change (shares: percentage points)", number),
        *(Heading("low", "95 % from", number), Heading("high", "to", number)),
        *(Heading("lost", "lost", number), Heading("won", "won", number), Heading("items", "items", number)),
        Heading("p", "p", number),
        Heading("verdict", "verdict"),
    ]
    return grid(pd.DataFrame(rows), headings, f"Accuracy compared with {BASE_PRECISION}")
