"""Tables of a page, made from frames: their columns, headings and number formats."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pandas as pd
from msgspec import Struct

__all__ = ["CELL", "MISSING", "Entry", "Grid", "Heading", "grid"]

MISSING = "-"


class Heading(Struct, frozen=True):
    """A column of a frame, its heading, and the function that formats its numbers; text by default.

    `mark` is a column with a word for some of its values, which stands behind them.
    """

    column: str
    label: str
    write: Callable[[Any], str] | None = None
    mark: str = ""


CELL = [Heading("subject", "model"), Heading("precision", "precision"), Heading("delegate", "delegate")]


class Entry(Struct, frozen=True):
    """The text of a table cell, and its sort key."""

    text: str
    key: str = ""


class Grid(Struct, frozen=True, kw_only=True):
    """A table: headings, of which the `numeric` ones are aligned to the right, and rows.

    `bad` are the places of the rows that are marked, since what they show cannot be used.
    """

    caption: str
    labels: list[str]
    numeric: list[bool]
    rows: list[list[Entry]]
    bad: list[int] = []


def grid(frame: pd.DataFrame, headings: Sequence[Heading], caption: str) -> Grid:
    """Write a frame as a table; columns without a single entry are left out."""
    used = [one for one in headings if one.column in frame and frame[one.column].notna().any()]
    columns = [
        [_entry(*pair, one) for pair in zip(frame[one.column], _marks(frame, one), strict=True)]
        for one in used
    ]
    return Grid(
        caption=caption,
        labels=[one.label for one in used],
        numeric=[one.write is not None for one in used],
        rows=[list(row) for row in zip(*columns, strict=True)],
    )


def _marks(frame: pd.DataFrame, heading: Heading) -> Iterable[Any]:
    return frame[heading.mark] if heading.mark else [None] * len(frame)


def _entry(value: Any, mark: Any, heading: Heading) -> Entry:
    if _is_missing(value):
        return Entry(MISSING)
    if heading.write is None:
        return Entry(str(value))
    text = heading.write(value)
    return Entry(text if _is_missing(mark) else f"{text} {mark}", key=f"{float(value):.9g}")


def _is_missing(value: Any) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))
