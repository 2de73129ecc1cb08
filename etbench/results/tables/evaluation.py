"""The figures of the accuracy function as columns: ``eval_top1`` and, for a share of items, its interval.

Their names are known only from the results, so they are not among `COLUMNS`. Every table, condition and bound
reads them here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etbench.measure.pass_results import ItemAnswers
from etbench.results.tables.metrics import COLUMNS, Column
from etbench.stats.shares import PairedShares, compare_shares, share_interval

__all__ = [
    "EVALUATED",
    "HIGH",
    "LOW",
    "PREFIX",
    "RANDOM",
    "accuracy_text",
    "evaluated",
    "evaluation_names",
    "is_accuracy",
    "metric_named",
    "paired_answers",
    "paired_shares",
    "points",
]

PREFIX = "eval_"
LOW, HIGH = "_ci95_low", "_ci95_high"
RANDOM = "random"  # weights whose accuracy says nothing
# What the columns of a figure mean, for the documentation.
EVALUATED = (
    (
        f"{PREFIX}{{name}}",
        "figure of the accuracy function; with `weights` of `random` it means nothing",
        "higher",
    ),
    (f"{PREFIX}{{name}}{LOW}", "lower bound of its 95 % interval (Wilson), for a share of items", "higher"),
    (f"{PREFIX}{{name}}{HIGH}", "upper bound of its 95 % interval", "higher"),
)

Figures = Mapping[str, float | None]
Answers = NDArray[np.bool_]
_columns = {column.name: column for column in COLUMNS}


def evaluated(figures: Figures | None, items: Mapping[str, ItemAnswers]) -> dict[str, float | None]:
    """Return the columns of one cell, in the order of its figures."""
    found: dict[str, float | None] = {}
    for name, value in (figures or {}).items():
        found[f"{PREFIX}{name}"] = value
        if (answers := items.get(name)) is not None and answers.booleans is not None:
            bounds = share_interval(answers.right, answers.count)
            found |= dict(zip((f"{PREFIX}{name}{LOW}", f"{PREFIX}{name}{HIGH}"), bounds, strict=True))
    return found


def paired_answers(base: ItemAnswers | None, new: ItemAnswers | None) -> tuple[Answers, Answers] | str:
    """Return which of the same items both get right, or why they cannot be compared."""
    before, after = (side.booleans if side else None for side in (base, new))
    if base is None or new is None or before is None or after is None:
        return "not known by item"
    if base.items_sha256 != new.items_sha256 or base.count != new.count:
        return "other items"
    return before, after


def paired_shares(base: ItemAnswers | None, new: ItemAnswers | None) -> PairedShares | None:
    """Compare two shares item by item; None if they are not known, or not of the same items."""
    answers = paired_answers(base, new)
    return None if isinstance(answers, str) else compare_shares(*answers)


def accuracy_text(value: float, *, is_share: bool) -> str:
    """Write a figure of the accuracy function: in percent if it is a share of items.

    >>> accuracy_text(0.981, is_share=True), accuracy_text(0.981, is_share=False)
    ('98.10%', '0.981')
    """
    return f"{value:.2%}" if is_share else f"{value:.4g}"


def points(change: float) -> str:
    """Write a difference of two shares in percentage points, without the unit.

    >>> points(-0.0155)
    '-1.55'
    """
    return f"{100 * change:+.2f}"


def evaluation_names(found: Iterable[Mapping[str, Any]]) -> list[str]:
    """Return the columns of several cells, each once."""
    return list(dict.fromkeys(name for one in found for name in one))


def is_accuracy(name: str) -> bool:
    """Return whether a column is a figure itself, not a bound of its interval."""
    return name.startswith(PREFIX) and not name.endswith((LOW, HIGH))


def metric_named(name: str) -> Column | None:
    """Return the column of results.csv with this name, which may be that of a figure; None for no column."""
    if not name.startswith(PREFIX) or name == PREFIX:
        return _columns.get(name)
    return Column(
        name,
        "figure of the accuracy function",
        lambda result: evaluated(result.evaluation, result.evaluation_items).get(name),
        better="higher",
    )
