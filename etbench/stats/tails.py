"""The tail of the latency: a percentile, and the bound that the samples can guarantee for it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["TAILS", "fewest_samples", "tail_bounds"]

TAILS = {"p95": 0.95, "p99": 0.99}
CONFIDENCE = 0.95  # one-sided
NORMAL_95 = 1.6449  # times 1 + (z² + 1) / 4d, it is Student's t with d degrees of freedom (Cornish & Fisher)
LEAST_ROUNDS = 20  # fewer do not show how much the samples of a round, and neighbouring rounds, are alike


def fewest_samples(quantile: float, confidence: float = CONFIDENCE) -> int:
    """Return the least number of independent samples whose largest bounds a quantile from above.

    >>> fewest_samples(0.95), fewest_samples(0.99)
    (59, 299)
    """
    return math.ceil(math.log(1 - confidence) / math.log(quantile))


def tail_bounds(
    rounds_ms: Sequence[Sequence[float]], quantile: float, confidence: float = CONFIDENCE
) -> tuple[float, float] | None:
    """Return a lower and an upper bound of a quantile, each one-sided; None if there are too few samples.

    The bounds are order statistics: of n independent samples, the number above the quantile is binomial,
    whatever their distribution (David & Nagaraja, "Order Statistics", 2003, section 7.1). Samples of
    one round are alike, as are rounds that follow each other, so n is divided by the design effect: the
    variance of the share of samples above the quantile, from the sums of each round (Woodruff, "Confidence
    intervals for medians and other position measures", JASA 47, 1952) with the covariance of neighbouring
    rounds (Newey & West, Econometrica 55, 1987), over that of independent samples. The effective size is
    reduced for the number of rounds from which this is estimated (Korn & Graubard, "Confidence intervals for
    proportions with small expected number of positive counts", Survey Methodology 24, 1998).

    Args:
        rounds_ms: the samples of each round, in ms, in the order in which they were taken.
        quantile: 0.99 is the 99th percentile.
        confidence: of each bound.

    """
    count = sum(map(len, rounds_ms))
    if len(rounds_ms) < LEAST_ROUNDS or count < fewest_samples(quantile, confidence):
        return None
    samples = np.concatenate([np.asarray(taken, dtype=np.float64) for taken in rounds_ms])
    ordered, ranks = np.sort(samples), np.unique(samples, return_inverse=True)[1].astype(np.float64)
    exceeding = (samples > ordered[math.ceil(quantile * count) - 1]).astype(np.float64)
    starts = np.cumsum([0, *map(len, rounds_ms)])[:-1]
    effective = count / max(1.0, *(_design_effect(values, starts) for values in (ranks, exceeding)))
    effective /= (1 + (NORMAL_95**2 + 1) / (4 * (len(rounds_ms) - 1))) ** 2
    below, above = _ranks_above(math.floor(effective), quantile, confidence)
    if above < 0:
        return None
    lower, upper = (count - 1 - math.floor(rank * count / effective) for rank in (below, above))
    return float(ordered[max(0, lower)]), float(ordered[upper])


def _design_effect(values: NDArray[np.float64], starts: NDArray[np.int_]) -> float:
    """Return the variance of the mean of samples in rounds over that of as many independent samples."""
    centred = values - values.mean()
    independent = float(centred @ centred)
    if independent == 0:
        return 1.0
    sums = np.add.reduceat(centred, starts)
    variance = float(sums @ sums)
    lags = math.floor(4 * (len(sums) / 100) ** (2 / 9)) + 1
    for lag in range(1, lags + 1):
        variance += 2 * (1 - lag / (lags + 1)) * float(sums[lag:] @ sums[:-lag])
    return variance / independent


@cache
def _ranks_above(count: int, quantile: float, confidence: float) -> tuple[int, int]:
    """Return how many of so many independent samples are above the lower and above the upper bound.

    The upper bound has the most samples above it with which it is below the quantile in 1 - `confidence` of
    all cases; -1 if even the largest sample is too low.
    """
    mean = count * (1 - quantile)
    most = min(count, math.ceil(mean + 10 * math.sqrt(mean) + 10))
    logs = [
        math.lgamma(count + 1)
        - math.lgamma(above + 1)
        - math.lgamma(count - above + 1)
        + above * math.log1p(-quantile)
        + (count - above) * math.log(quantile)
        for above in range(most + 1)
    ]
    below = np.cumsum(np.exp(logs))
    upper = int(np.searchsorted(below, 1 - confidence, side="right")) - 1
    lower = int(np.searchsorted(below, confidence, side="left"))
    return lower, upper
