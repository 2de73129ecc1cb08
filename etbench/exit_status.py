"""The exit statuses that commands share; of those that apply, the first of the list counts."""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["BAD_USAGE", "FAILED", "INTERRUPTED", "OK", "REGRESSION", "UNDECIDED", "first_of"]

OK = 0
FAILED = 1  # a cell failed, is wrong or is missing
BAD_USAGE = 2  # or not comparable
REGRESSION = 3  # or a condition of --fail-if is met
UNDECIDED = 4
INTERRUPTED = 130  # by Ctrl-C


def first_of(statuses: Collection[int]) -> int:
    """Return the status that counts.

    >>> first_of([4, 3])
    3
    >>> first_of([])
    0
    """
    return next((one for one in (BAD_USAGE, FAILED, REGRESSION, UNDECIDED) if one in statuses), OK)
