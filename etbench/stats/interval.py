"""An interval for a cell's latency that takes the machine's drift into account."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["Interval", "location_interval"]

# 95 % point of the statistic below over rounds in a row for 3 s whose medians are correlated as on the
# machine this was developed on: 0.82 after 0.05 s, 0.61 after 0.2 s, 0.34 after 0.9 s, 0.19 after 2.2 s.
# Independent rounds need 6.5, so for them, as for rounds that a sweep spreads over a minute, the interval is
# twice as wide as necessary. `tests/stats/test_interval.py` simulates them.
CRITICAL_95 = 16.0
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
    2010, in both directions). Its critical value is `CRITICAL_95`, since that of the limit law is too small
    for few rounds. It is computed on the log scale and is valid for the time over which the rounds were
    spread: it does not include slower drift. From 50 rounds on it does not exceed the range of the rounds, as
    it would if the machine changed its speed in the middle.

    Args:
        rounds_ms: the samples of each round, in ms, in the order in which they were taken.

    """
    if len(rounds_ms) < MIN_ROUNDS:
        return None
    logs = np.log([float(np.median(samples)) for samples in rounds_ms])
    centre, half = _self_normalized(logs)
    low, high = centre - half, centre + half
    if len(logs) >= WITHIN_ROUNDS_FROM:
        low, high = max(low, float(logs.min())), min(high, float(logs.max()))
    return Interval(location=math.exp(centre), low=math.exp(low), high=math.exp(high))


def _self_normalized(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the median and the half width of its 95 % interval."""
    count = len(values)
    spread = (_wandering(values) + _wandering(values[::-1])) / 2
    return float(np.median(values)), CRITICAL_95 * math.sqrt(spread / count)


def _wandering(values: NDArray[np.float64]) -> float:
    """Return the mean squared distance of the running median from the last one, weighted by its length."""
    count = len(values)
    running = np.array([np.median(values[:end]) for end in range(1, count + 1)])
    lengths = np.arange(1, count + 1)
    return float(np.sum((lengths * (running - running[-1])) ** 2)) / count**2
