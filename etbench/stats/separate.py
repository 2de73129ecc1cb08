"""Compare two programs measured at different times, by how far apart runs of one program are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

import numpy as np
from msgspec import Struct

from etbench.stats.interval import Interval, location_interval

__all__ = ["Drift", "SeparateRatio", "drift_of", "ratio_of_intervals", "separate_at"]

Run = Sequence[Sequence[float]]  # the samples of each round, in ms

NORMAL = NormalDist()
WIDEST = 700.0  # on the log scale: beyond it, the bound is not a number that a float can hold


class SeparateRatio(Struct, frozen=True, kw_only=True):
    """How many times as long the new program took as the baseline, with bounds; see `PairedRatio`.

    `base_ms` and `new_ms` are the geometric means of the locations of `base_runs` and `new_runs` runs.
    `drift` is the standard deviation of the log of a run's location between runs of one program, as they
    show it or as it was given. If it is unknown, the bounds are 0 and infinity.
    """

    ratio: float
    low: float
    high: float
    base_ms: float
    new_ms: float
    base_runs: int = 1
    new_runs: int = 1
    drift: float | None = None

    @classmethod
    def unbounded(cls, base_ms: float, new_ms: float) -> SeparateRatio:
        """Return the ratio of two locations whose errors are unknown."""
        return cls(
            ratio=new_ms / base_ms,
            low=0.0,
            high=math.inf,
            base_ms=base_ms,
            new_ms=new_ms,
        )


class Drift(Struct, frozen=True, kw_only=True):
    """Standard deviation of the log of a run's location between runs, and its upper 95 % bound."""

    deviation: float
    at_most: float


class _Side(Struct, frozen=True):
    """The log of each run's location, and the mean of the variances that the runs show within themselves."""

    logs: list[float]
    within: float

    @property
    def squares(self) -> float:
        """The sum of the squared distances from the mean."""
        return float(np.sum((np.array(self.logs) - np.mean(self.logs)) ** 2))


def separate_at(
    base_runs: Sequence[Run], new_runs: Sequence[Run], *, drift: float | None = None
) -> Callable[[float], SeparateRatio] | None:
    """Return the ratio of runs of two programs as a function of the confidence of its interval.

    It is None if a side has no run of five rounds.

    Args:
        base_runs: the samples of each round of each run of the baseline, in ms.
        new_runs: the same for the new program.
        drift: see `ratio_of_intervals`.

    """
    sides = [_intervals(runs) for runs in (base_runs, new_runs)]
    if not all(sides):
        return None
    return lambda confidence: ratio_of_intervals(*sides, confidence=confidence, drift=drift)


def ratio_of_intervals(
    base: Sequence[Interval],
    new: Sequence[Interval],
    *,
    confidence: float = 0.95,
    drift: float | None = None,
) -> SeparateRatio:
    """Compare runs of two programs by the intervals of their locations; each side has at least one.

    Rounds of one run share what differs from run to run, so the run is the unit: the variance of its log
    location is estimated from the differences between runs of the same program, of both sides together, with
    one degree of freedom less per side than it has runs, and the interval is Student's (Kalibera & Jones,
    "Rigorous benchmarking in reasonable time", ISMM 2013, with the run as the highest level of repetition,
    and one variance for both sides). With one run per side there is no degree of freedom and so no interval.
    A run that is noisier in itself than those that gave the estimate adds the excess of its variance. It is
    assumed that runs are independent, normal on the log scale, and as far apart in time within a side as
    between the sides.

    Args:
        base: of each run of the baseline.
        new: the same for the new program.
        confidence: of the interval.
        drift: the standard deviation of the log of a run's location between runs, if it is known from
            elsewhere; the variance that a run shows within itself is then added.

    """
    sides = _side(base), _side(new)
    freedom = sum(len(side.logs) - 1 for side in sides)
    before, after = (float(np.mean(side.logs)) for side in sides)
    centre = after - before
    if drift is not None:
        known: float | None = drift
        variance = sum((drift**2 + side.within) / len(side.logs) for side in sides)
        half = NORMAL.inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    elif freedom:
        pooled = sum(side.squares for side in sides) / freedom
        typical = sum((len(side.logs) - 1) * side.within for side in sides) / freedom
        known = math.sqrt(pooled)
        variance = sum((pooled + max(0.0, side.within - typical)) / len(side.logs) for side in sides)
        half = _student(freedom, (1 + confidence) / 2) * math.sqrt(variance)
    else:
        known, half = None, math.inf
    if half + abs(centre) > WIDEST:
        half = math.inf
    return SeparateRatio(
        ratio=math.exp(centre),
        low=math.exp(centre - half),
        high=math.exp(centre + half),
        base_ms=math.exp(before),
        new_ms=math.exp(after),
        base_runs=len(base),
        new_runs=len(new),
        drift=known,
    )


def drift_of(runs: Sequence[Run]) -> Drift:
    """Return how far apart runs of one program are.

    The bound is that of the variance of normal values: its estimate has a chi-squared distribution.

    Args:
        runs: two or more runs of five rounds or more.

    Raises:
        ValueError: if there are fewer than two such runs.

    """
    from scipy.special import chdtri  # takes a third of a second to import

    side = _side(_intervals(runs))
    freedom = len(side.logs) - 1
    if freedom < 1:
        raise ValueError("the difference between runs needs two runs of five rounds")
    return Drift(
        deviation=math.sqrt(side.squares / freedom),
        at_most=math.sqrt(side.squares / float(chdtri(freedom, 0.95))),
    )


def _intervals(runs: Sequence[Run]) -> list[Interval]:
    return [interval for interval in map(location_interval, runs) if interval is not None]


def _side(runs: Sequence[Interval]) -> _Side:
    within = math.fsum(map(_variance, runs)) / max(1, len(runs))
    return _Side([math.log(run.location) for run in runs], within)


def _variance(interval: Interval) -> float:
    return (interval.half_width / NORMAL.inv_cdf(0.975)) ** 2


def _student(freedom: int, probability: float) -> float:
    """Return the quantile of Student's distribution."""
    from scipy.special import stdtrit

    return float(stdtrit(freedom, probability))
