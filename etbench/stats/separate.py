"""Two programs measured at different times: the machine's drift between them is part of the doubt."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist

from msgspec import Struct

from etbench.stats.interval import Interval, location_interval

__all__ = ["DRIFT_BETWEEN_RUNS", "SeparateRatio", "ratio_of_intervals", "separate_ratio"]

# Standard deviation of the log of a run's location between runs minutes apart, printed by
# `benchmarks/aa.py`: what no run can see by itself.
DRIFT_BETWEEN_RUNS = 0.075


class SeparateRatio(Struct, frozen=True, kw_only=True):
    """How many times as long the new program took as the base, with bounds; see `PairedRatio`."""

    ratio: float
    low: float
    high: float


def separate_ratio(
    base_ms: Sequence[Sequence[float]],
    new_ms: Sequence[Sequence[float]],
    *,
    confidence: float = 0.95,
    drift: float = DRIFT_BETWEEN_RUNS,
) -> SeparateRatio | None:
    """Compare the locations of two runs; None if one of them has fewer than five rounds.

    The variance of the log-ratio is that of each location (from its self-normalized interval) and twice
    that of the drift between runs, as if the three were normal and independent.

    Args:
        base_ms: the samples of each round of the base, in ms.
        new_ms: the same of the new program.
        confidence: of the interval.
        drift: standard deviation of the log of a run's location, between runs.

    """
    base, new = location_interval(base_ms), location_interval(new_ms)
    if base is None or new is None:
        return None
    return ratio_of_intervals(base, new, confidence=confidence, drift=drift)


def ratio_of_intervals(
    base: Interval, new: Interval, *, confidence: float = 0.95, drift: float = DRIFT_BETWEEN_RUNS
) -> SeparateRatio:
    """Compare two runs by the intervals of their locations; see `separate_ratio`."""
    deviations = [interval.half_width / NormalDist().inv_cdf(0.975) for interval in (base, new)]
    deviation = math.hypot(*deviations, drift, drift)
    half = NormalDist().inv_cdf((1 + confidence) / 2) * deviation
    centre = math.log(new.location / base.location)
    return SeparateRatio(ratio=math.exp(centre), low=math.exp(centre - half), high=math.exp(centre + half))
