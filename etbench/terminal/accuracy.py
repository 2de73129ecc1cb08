"""The figures of accuracy functions on the terminal, and what the precisions of a sweep cost in them."""

from __future__ import annotations

import math
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from etbench.results.schema import Result
from etbench.results.tables.evaluation import RANDOM, accuracy_text, points
from etbench.stats.shares import share_interval
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import say

__all__ = ["accuracy_words", "evaluated_words", "print_accuracy"]

COLUMNS = (
    *(
        Column("cell", wraps=True),
        Column("figure", left=True),
        Column("fp32", rank=1),
        Column("here", rank=2),
    ),
    *(Column("change"), Column("95 %"), Column("lost"), Column("won"), Column("verdict", wraps=True)),
)
VERDICTS = {"better": "green", "worse": "red"}


def accuracy_words(result: Result, name: str) -> str:
    """Write a figure of an accuracy function, and that it means nothing if the weights are random."""
    value = (result.evaluation or {}).get(name)
    if value is None or math.isnan(value):
        return "-"
    text = accuracy_text(value, is_share=name in result.evaluation_items)
    return f"{text} ({RANDOM})" if result.weights == RANDOM else text


def evaluated_words(result: Result) -> str:
    """Write all figures of an accuracy function, with the interval of those that are a share of items."""
    return ", ".join(_with_interval(result, name) for name in result.evaluation or {}) or "no figures"


def _with_interval(result: Result, name: str) -> str:
    words = f"{name} {accuracy_words(result, name)}"
    items = result.evaluation_items.get(name)
    if items is None or items.booleans is None:
        return words
    low, high = (accuracy_text(end, is_share=True) for end in share_interval(items.right, items.count))
    return f"{words} of {items.count} items (95 %: {low} to {high})"


def print_accuracy(results: Sequence[Result], console: Console) -> None:
    """Print how the accuracy of each cell differs from that of its baseline in fp32, if there is one."""
    if len({result.precision_short for result in results if result.evaluation}) < 2:
        return
    from etbench.results.tables.accuracy import AccuracyChange, accuracy_changes  # needs pandas
    from etbench.results.tables.frames import to_frame
    from etbench.results.tables.labels import label_cells

    def row(one: AccuracyChange) -> list[str | Text]:
        name, shares = str(one.cell["cell"]), one.shares
        change = one.value - one.value_base
        values = [accuracy_text(value, is_share=one.is_share) for value in (one.value_base, one.value)]
        values.append(f"{points(change)} pp" if one.is_share else f"{change:+.4g}")
        if shares is None:
            return [name, one.figure, *values, "-", "-", "-", one.words]
        interval = f"{points(shares.low)} to {points(shares.high)}"
        verdict = Text(one.words, style="default")
        verdict.stylize(VERDICTS.get(one.verdict, "yellow"), 0, len(one.verdict))
        return [name, one.figure, *values, interval, str(shares.lost), str(shares.won), verdict]

    changes = accuracy_changes(label_cells(to_frame(results)))
    if changes:
        together = " for all of them together" if sum(one.shares is not None for one in changes) > 1 else ""
        rule = f"accuracy against fp32 on the same items: McNemar's exact test, 95 %{together}"
        say(console, Text(rule, style="dim"))
        print_table(console, COLUMNS, map(row, changes), more="accuracy.csv")
