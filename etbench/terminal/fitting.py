"""Tables that fit the terminal: names wrap, columns are left out in order, and a number is never cut."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.measure import Measurement, measure_renderables
from rich.table import Table
from rich.text import Text

from etbench.terminal.streams import UNBOUNDED, say, shown

__all__ = ["Column", "print_table"]

GAP = 2
LINE = 40  # characters of a name or text for which columns of higher rank are left out
# Spaces at the end of a line, before its colors end; possessive, for a table may have thousands of them.
PADDING = re.compile(r"(?<! ) ++(?=(?:\x1b\[[0-9;]*m)*$)", re.MULTILINE)
SHORTEST_WORD = 8  # a word of a name is folded down to this before a table gets wider than the terminal


@dataclass(frozen=True)
class Column:
    """A column of a table on the terminal.

    Args:
        header: with its unit.
        rank: 0 for a column that is always shown; the others are left out from the highest rank on.
        wraps: whether it wraps at words if the terminal is narrow; otherwise it is shown in full.
        left: whether it is aligned to the left, as text is.

    """

    header: str
    rank: int = 0
    wraps: bool = False
    left: bool = False


def print_table(
    console: Console, columns: Sequence[Column], rows: Iterable[Sequence[str | Text]], *, more: str = ""
) -> None:
    """Print a table with all columns that fit, and a line that names the others.

    Args:
        console: where it is printed; wider than the console if no more columns can be left out.
        columns: in their order.
        rows: a value for each column; markup is printed as it is.
        more: another way to see the columns that are left out, such as ``--format csv``.

    """
    texts = [[shown(value) for value in row] for row in rows]
    sizes = [
        _measured(console, column, [row[place] for row in texts]) for place, column in enumerate(columns)
    ]
    wanted = [min(size.maximum, max(size.minimum, LINE)) for size in sizes]
    fitting = _fitting(columns, wanted, console.width)
    table = _table(
        [columns[place] for place in fitting], [[row[place] for place in fitting] for row in texts]
    )
    folded = [
        min(sizes[place].minimum, SHORTEST_WORD if columns[place].wraps else UNBOUNDED) for place in fitting
    ]
    if _width(folded) > console.width:
        table.width = _width(folded)
    with console.capture() as captured:
        console.print(table, soft_wrap=False, crop=False)
    console.out(PADDING.sub("", captured.get()), highlight=False, end="")
    if left_out := [column for place, column in enumerate(columns) if place not in fitting]:
        names = ", ".join(" ".join(column.header.split()) for column in left_out)
        also = f", or use {more}" if more else ""
        text = f"not shown: {names} (widen the terminal to {_width(wanted)} characters{also})"
        say(console, Text(text, style="dim"))


def _table(columns: Sequence[Column], rows: Iterable[Sequence[Text]]) -> Table:
    """Return the table, with `GAP` between its columns; without headers it has no rule either."""
    headed = any(column.header for column in columns)
    table = Table(
        box=box.SIMPLE_HEAD if headed else None,
        show_header=headed,
        show_edge=False,
        pad_edge=False,
        padding=(0, GAP - 1 if headed else GAP, 0, 0),  # the box has a space of its own
    )
    for column in columns:
        table.add_column(
            shown(column.header),
            justify="left" if column.left or column.wraps else "right",
            no_wrap=not column.wraps,
            overflow="fold",
        )
    for row in rows:
        table.add_row(*row)
    return table


def _fitting(columns: Sequence[Column], wanted: Sequence[int], width: int) -> list[int]:
    """Return the places of the columns to show, in order."""
    shown = list(range(len(columns)))
    for place in sorted(shown, key=lambda place: columns[place].rank, reverse=True):
        if columns[place].rank == 0 or _width([wanted[place] for place in shown]) <= width:
            break
        shown.remove(place)
    return shown


def _measured(console: Console, column: Column, cells: Sequence[Text]) -> Measurement:
    """Return the least and greatest width of a column; they are equal for a column that does not wrap."""
    unbounded = console.options.update(max_width=UNBOUNDED)
    size = measure_renderables(console, unbounded, [Text(column.header), *cells])
    return size if column.wraps else Measurement(size.maximum, size.maximum)


def _width(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)
