"""What an accuracy function returns to have its items compared one by one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

__all__ = ["PerItem"]


@dataclass(frozen=True)
class PerItem:
    """Which items of a data set the program gets right; the figure is their share.

    Two results are compared item by item if their `labels` and `items` are equal.

    Args:
        correct: one boolean per item, an array or a list.
        labels: of the items, in the same order, an array or a list of numbers.
        items: what else tells items apart, if labels alone may be those of another data set: the inputs as an
            array, or a list of names.

    """

    correct: Any
    labels: Any
    items: Any = None
