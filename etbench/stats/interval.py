"""An interval for a cell's latency that takes the machine's drift into account."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from heapq import heappush, heappushpop
from statistics import median

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["Interval", "location_interval"]

# 95 % point of the statistic below for independent rounds, what a correlation of 1 from one round to the next
# adds to it, and its limit. On the machine this was developed on, rounds in a row are correlated by 0.82
# after 0.05 s, 0.61 after 0.2 s, 0.34 after 0.9 s and 0.19 after 2.2 s, and need 12 to 18. Few rounds show
# their correlation too small, and badly: `FEW` / n is added to it. `benchmarks/coverage.py` simulates what
# these values cover.
INDEPENDENT_95, PER_CORRELATION, MOST_95 = 6.7, 35.0, 24.0
FEW = 4.0
MIN_ROUNDS = 5
WITHIN_ROUNDS_FROM = 50  # with fewer, the true median is too often outside their range


class Interval(Struct, frozen=True, kw_only=True):
    """Median of the round medians and its 95 % confidence interval, in ms."""

    location: float
    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half of the interval's width on the log scale: 0.02 is about 2 %."""
        return math.log(self.high / self.low) / 2


def location_interval(rounds_ms: Sequence[Sequence[float]]) -> Interval | None:
    """Return the median of round medians with a 95 % interval; None below five rounds.

    Rounds that follow each other are correlated, since the machine drifts, so an interval that assumes
    independent rounds is too narrow. This one is self-normalized: the variation of the median of the first,
    and of the last, 1, 2, … n rounds replaces the long-run variance, without a bandwidth to choose
    (Shao, "A self-normalized approach to confidence interval construction in time series", JRSS B 72,
    2010, in both directions). The critical value of its limit law is too small for few rounds, and for rounds
    that are strongly correlated; so it depends on how much the ranks of the rounds are correlated from one to
    the next (cf. Bartels, "The rank version of von Neumann's ratio test for randomness", JASA 77, 1982):
    rounds in a row get an interval twice as wide as rounds that a sweep spreads over a minute. It is computed
    on the log scale and is valid for the time over which the rounds were
    spread: it does not include slower drift. From 50 rounds on it does not exceed the range of the rounds, as
    it would if the machine changed its speed in the middle.

    Args:
        rounds_ms: the samples of each round, in ms, in the order in which they were taken.

    """
    if len(rounds_ms) < MIN_ROUNDS:
        return None
    logs = np.log([median(samples) for samples in rounds_ms])
    centre, half = _self_normalized(logs)
    low, high = centre - half, centre + half
    if len(logs) >= WITHIN_ROUNDS_FROM:
        low, high = max(low, float(logs.min())), min(high, float(logs.max()))
    return Interval(location=math.exp(centre), low=math.exp(low), high=math.exp(high))


def _self_normalized(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median and the half width of its 95 % interval."""
    count = len(values)
    spread = (_wandering(values) + _wandering(values[::-1])) / 2
    correlation = max(0.0, _rank_correlation(values) + FEW / count)
    critical = min(MOST_95, INDEPENDENT_95 + PER_CORRELATION * correlation)
    return float(np.median(values)), critical * math.sqrt(spread / count)


def _rank_correlation(values: NDArray[np.float64]) -> float:
    """Return the correlation of the ranks of successive values; 0 if all are equal.

    Values that differ only by the rounding of floating-point numbers are equal.
    """
    ranks = np.unique(values.round(9), return_inverse=True)[1].astype(np.float64)
    ranks -= ranks.mean()
    squares = float(ranks @ ranks)
    return float(ranks[1:] @ ranks[:-1]) / squares if squares else 0.0


def _wandering(values: NDArray[np.float64]) -> float:
    """Return the mean squared distance of the running median from the last one, weighted by its length."""
    count, running = len(values), np.array(_running_medians(values.tolist()))
    lengths = np.arange(1, count + 1)
    return float(np.sum((lengths * (running - running[-1])) ** 2)) / count**2


def _running_medians(values: Iterable[float]) -> list[float]:
    """Return the median of the first 1, 2, … n values, with a heap of each half.

    >>> _running_medians([3.0, 1.0, 2.0, 8.0])
    [3.0, 2.0, 2.0, 2.5]
    """
    below: list[float] = []  # negated, so that the largest is first
    above: list[float] = []
    medians = []
    for value in values:
        if len(below) == len(above):
            heappush(below, -heappushpop(above, value))
            medians.append(-below[0])
        else:
            heappush(above, -heappushpop(below, -value))
            medians.append((above[0] - below[0]) / 2)
    return medians
