"""Shares of items that are right: their intervals, and the difference of two programs on the same items."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import Literal

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = [
    "PairedShares",
    "compare_shares",
    "exact_mcnemar",
    "items_to_decide",
    "share_interval",
    "smallest_loss",
]

Verdict = Literal["better", "worse", "undecided"]
BISECTIONS = 60


def share_interval(right: int, items: int, *, confidence: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share (Wilson, JASA 22, 1927): within 0 and 1, never of no width.

    >>> [round(bound, 4) for bound in share_interval(887, 897)]
    [0.9796, 0.9939]
    """
    z = _z(confidence)
    share, squares = right / items, z * z / items
    centre = (share + squares / 2) / (1 + squares)
    half = z / (1 + squares) * math.sqrt(share * (1 - share) / items + squares / items / 4)
    low = 0.0 if right == 0 else max(0.0, centre - half)
    return low, 1.0 if right == items else min(1.0, centre + half)


class PairedShares(Struct, frozen=True, kw_only=True):
    """Two programs on the same items: `lost` are right in the first only, `won` in the second only.

    `change` is the share of the second less that of the first, `low` and `high` its interval, `p_value` that
    of McNemar's exact test. `smallest_loss` is the least change (below 0) that so many items can show, None
    if they can show none.
    """

    items: int
    lost: int
    won: int
    change: float
    low: float
    high: float
    p_value: float
    smallest_loss: float | None
    confidence: float

    @property
    def verdict(self) -> Verdict:
        """What McNemar's exact test shows; if nothing, that does not make the two equal."""
        if self.p_value > 1 - self.confidence:
            return "undecided"
        return "worse" if self.lost > self.won else "better"

    def keeps(self, margin: float) -> bool:
        """Return whether the second is shown to lose less than a margin, such as 0.005 for half a point."""
        return self.low > -margin


def compare_shares(
    first: NDArray[np.bool_], second: NDArray[np.bool_], *, confidence: float = 0.95
) -> PairedShares:
    """Compare which items two programs get right, item by item.

    The verdict is McNemar's exact test, on the items in which the two differ. The interval of the change is
    the score interval of Tango (Statistics in Medicine 17, 1998). A paired bootstrap gives the same one
    where many items differ (`tests/stats/test_shares.py`), but an interval of no width where none does, as if
    five equal answers showed that two programs are equal. With few differing items the exact test is the
    stricter one: the interval may leave out 0 where the verdict is withheld.

    Args:
        first: whether each item is right with the first program, such as that in fp32.
        second: the same for the second one.
        confidence: of the interval and of the test.

    """
    items = len(first)
    if items == 0 or len(second) != items:
        raise ValueError(f"{items} and {len(second)} items: they must be the same, and at least one")
    lost, won = int((first & ~second).sum()), int((second & ~first).sum())
    low, high = _score_interval(lost, won, items, confidence)
    return PairedShares(
        items=items,
        lost=lost,
        won=won,
        change=(won - lost) / items,
        low=low,
        high=high,
        p_value=exact_mcnemar(lost, won),
        smallest_loss=smallest_loss(items, confidence=confidence),
        confidence=confidence,
    )


def items_to_decide(items: int, share: float, low: float, high: float, limit: float) -> float:
    """Return about how many items it takes to show on which side of a limit a share, or a change of it, is.

    It is assumed that the share stays as it is, and that its interval narrows with the root of the number of
    items.

    Args:
        items: how many were judged.
        share: of them that are right, or the change of that share.
        low: lower bound of its interval.
        high: upper bound.
        limit: within the interval. Infinitely many items are needed if the share is at the limit.

    >>> round(items_to_decide(900, -0.008, -0.019, 0.001, -0.01))
    27225

    """
    if share == limit:
        return math.inf
    half = share - low if share > limit else high - share
    return items * (half / (share - limit)) ** 2


def exact_mcnemar(lost: int, won: int) -> float:
    """Return the two-sided p-value of McNemar's exact test: whether losing is as likely as winning.

    >>> round(exact_mcnemar(8, 2), 3)
    0.109
    """
    from scipy.special import bdtr  # takes a third of a second to import

    differing = lost + won
    return min(1.0, 2 * float(bdtr(min(lost, won), differing, 0.5))) if differing else 1.0


def smallest_loss(items: int, *, confidence: float = 0.95) -> float | None:
    """Return the least change that is significant if nothing is won; None if all items lost are too few.

    >>> round(smallest_loss(897), 4)
    -0.0067
    """
    lost = math.floor(1 - math.log2(1 - confidence))  # the test's p-value is 2 to the power of 1 - lost
    while exact_mcnemar(lost, 0) > 1 - confidence:
        lost += 1
    return -lost / items if lost <= items else None


def _score_interval(lost: int, won: int, items: int, confidence: float) -> tuple[float, float]:
    """Return the changes that the score test does not reject, by bisection on each side of the estimate."""
    z, change = _z(confidence), (won - lost) / items

    def bound(end: float) -> float:
        inside, outside = change, end
        for _ in range(BISECTIONS):
            middle = (inside + outside) / 2
            if abs(_score(lost, won, items, middle)) <= z:
                inside = middle
            else:
                outside = middle
        return (inside + outside) / 2

    return bound(-1.0), bound(1.0)


def _score(lost: int, won: int, items: int, change: float) -> float:
    """Return Tango's statistic for a change: standard normal if it is the true one."""
    a = 2 * items
    b = -won - lost + (2 * items - won + lost) * change
    c = -lost * change * (1 - change)
    likely = (math.sqrt(max(0.0, b * b - 4 * a * c)) - b) / (2 * a)  # share of lost items, given the change
    variance = items * (2 * likely + change * (1 - change))
    above = won - lost - items * change
    if variance <= 0:
        return 0.0 if above == 0 else math.copysign(math.inf, above)
    return above / math.sqrt(variance)


def _z(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
