"""How strongly a series of correlated values speaks for a step at each of its places."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["INDEPENDENT", "MIN_SIDE", "step_interval", "step_scores"]

Array = NDArray[np.float64]
MIN_SIDE = 4  # values on each side of a step: with fewer, a few values that are far off look like one
# Correlations from one value to the next that are tried. With a negative one, means vary less than those of
# independent values, so it counts as 0.
CORRELATIONS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)
INDEPENDENT = (0.0,)
FITTED = 3  # a level, a step and a correlation
LEAST_VARIANCE = 0.1  # clipped values seem to have less noise than the series


def step_scores(
    values: Array,
    stops: NDArray[np.int64],
    start: int = 0,
    *,
    earlier: int = 0,
    correlations: Sequence[float] = CORRELATIONS,
) -> Array:
    """Return the evidence for a step at each place of each series; -inf where a place has too few values.

    The values are taken as a level plus an autoregressive process of first order. Its correlation and
    variance are estimated twice, with a step and without one, so a slow wave of correlated values explains a
    difference of means as well as a step does, unless the values beside it show that they are hardly
    correlated. The evidence is the logarithm of the likelihood ratio, doubled and reduced by the degrees of
    freedom, as for independent values in Worsley, "On the likelihood ratio test for a shift in location of
    normal populations", JASA 74, 1979; correlated ones are whitened as in Robbins, Gallagher & Lund,
    "A general regression changepoint test for time series data", JASA 111, 2016. Simulated series of
    independent and of correlated values nearly agree in how large its maximum gets by chance.

    Args:
        values: (series, values), of a standard deviation near one.
        stops: how many values each series has; the others are ignored.
        start: the first value of the level in which a step is searched. The values before it are only used
            to learn the correlation and the variance, and vary around zero.
        earlier: how many levels were fitted to the values before `start`.
        correlations: those that are tried.

    """
    places = np.arange(values.shape[1])
    without, with_step = np.full(len(values), np.inf), np.full(values.shape, np.inf)
    for correlation in correlations:
        residual, moment, weight = _regression(values, stops, start, correlation)
        rest = np.maximum(residual[:, None] - moment**2 / weight, 0.0)
        without = np.minimum(without, _deviance(residual, stops, correlation))
        with_step = np.minimum(with_step, _deviance(rest, stops[:, None], correlation))
    free = (stops - FITTED - earlier) / stops
    searched = (places >= start + MIN_SIDE) & (places <= stops[:, None] - MIN_SIDE)
    scores: Array = np.where(searched, free[:, None] * (without[:, None] - with_step), -np.inf)
    return scores


def step_interval(values: Array, at: int, start: int = 0, *, earlier: int = 0) -> tuple[float, float, float]:
    """Return the height of a step at a known place, with its 95 % interval.

    The interval is that of the profile likelihood: it holds the heights that agree with the values at any
    correlation that agrees with them. Its limit is that of Student's t.

    Args:
        values: one series, as for `step_scores`.
        at: the first value after the step.
        start: as for `step_scores`.
        earlier: as for `step_scores`.

    """
    from scipy import stats  # takes half a second to import

    count = len(values)
    stops, fits = np.array([count]), []
    for correlation in CORRELATIONS:
        residual, moment, weight = (
            float(figure[0, at] if figure.ndim == 2 else figure[0])
            for figure in _regression(values[None], stops, start, correlation)
        )
        rest = max(residual - moment**2 / weight, 0.0)
        rest += 1e-9 * count  # the values are not clipped here, and may lack any noise
        deviance = count * math.log(rest) - math.log1p(-(correlation**2))
        fits.append((deviance, moment / weight, rest, weight))
    free = count - FITTED - earlier
    best, height, *_ = min(fits)
    limit = best + count * math.log1p(stats.t.isf(0.025, free) ** 2 / free)
    reaches = [
        (centre, math.sqrt(rest * math.expm1((limit - deviance) / count) / weight))
        for deviance, centre, rest, weight in fits
        if deviance <= limit
    ]
    return height, min(centre - half for centre, half in reaches), max(sum(pair) for pair in reaches)


def _regression(
    values: Array, stops: NDArray[np.int64], start: int, correlation: float
) -> tuple[Array, Array, Array]:
    """Fit a level, and then a step at each place, to values that have been whitened.

    Returns:
        The residual sum of squares without a step: (series,). The product of each step with the residuals,
        and of each step with itself, both after the level is removed: (series, values).

    """
    inside = np.arange(values.shape[1]) < stops[:, None]
    white = values.copy()
    white[:, 1:] -= correlation * values[:, :-1]
    white[:, 0] *= math.sqrt(1 - correlation**2)
    white *= inside
    sums = np.cumsum(white, axis=1)
    after = sums[:, -1:] - sums
    behind = np.where(inside, stops[:, None] - 1 - np.arange(values.shape[1]), 0)
    # Whitened, a level is `first` at its start and `later` from then on; a step is 1 at its place.
    later = 1 - correlation
    first = 1.0 if start else math.sqrt(1 - correlation**2)
    level_weight = first**2 + later**2 * behind[:, start]
    level_moment = first * white[:, start] + later * after[:, start]
    residual = (white**2).sum(axis=1) - level_moment**2 / level_weight
    shared = later + later**2 * behind
    moment = white + later * after - shared * (level_moment / level_weight)[:, None]
    weight = 1 + later**2 * behind - shared**2 / level_weight[:, None]
    return residual, moment, np.maximum(weight, 1e-12)


def _deviance(residual: Array, counts: NDArray[np.int64], correlation: float) -> Array:
    """Return minus twice the log-likelihood, up to a constant."""
    deviance: Array = counts * np.log(residual + LEAST_VARIANCE * counts) - math.log1p(-(correlation**2))
    return deviance
