"""Compare two programs measured at different times: the interval includes the machine's drift."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.stats.interval import Interval, location_interval

__all__ = [
    "DRIFT_BETWEEN_RUNS",
    "SeparateRatio",
    "ratio_of_intervals",
    "ratios_of_intervals",
    "separate_ratio",
]

# Standard deviation of the log of a run's location between runs minutes apart, printed by
# `benchmarks/aa.py`: a single run cannot show it.
DRIFT_BETWEEN_RUNS = 0.125


class SeparateRatio(Struct, frozen=True, kw_only=True):
    """How many times as long the new program took as the baseline, with bounds; see `PairedRatio`."""

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

    The variance of the log-ratio is the sum of that of each location (from its self-normalized interval) and
    twice that of the drift between runs, on the assumption that all are normal and independent.

    Args:
        base_ms: the samples of each round of the baseline, in ms.
        new_ms: the same for the new program.
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
    sides = [np.array([[side.location, side.low, side.high]]) for side in (base, new)]
    ratio, low, high = ratios_of_intervals(*sides, confidence=confidence, drift=drift)
    return SeparateRatio(ratio=float(ratio[0]), low=float(low[0]), high=float(high[0]))


def ratios_of_intervals(
    base: NDArray[np.float64],
    new: NDArray[np.float64],
    *,
    confidence: float = 0.95,
    drift: float = DRIFT_BETWEEN_RUNS,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return the ratios and bounds of many pairs as `ratio_of_intervals` does.

    Args:
        base: location and bounds of each baseline, in ms: (pairs, 3). Unknown values are NaN, and give bounds
            that are NaN.
        new: the same for the new programs.
        confidence: of the intervals.
        drift: standard deviation of the log of a run's location, between runs.

    """
    normal = NormalDist()
    deviations = [np.log(side[:, 2] / side[:, 1]) / 2 / normal.inv_cdf(0.975) for side in (base, new)]
    deviation = np.sqrt(deviations[0] ** 2 + deviations[1] ** 2 + 2 * drift**2)
    half = normal.inv_cdf((1 + confidence) / 2) * deviation
    centre = np.log(new[:, 0] / base[:, 0])
    return np.exp(centre), np.exp(centre - half), np.exp(centre + half)
