"""How strongly a series of correlated values speaks for a step at each of its places."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["INDEPENDENT", "MIN_SIDE", "Noise", "step_interval", "step_scores"]

Array = NDArray[np.float64]
MIN_SIDE = 4  # values on each side of a step: with fewer, a few values that are far off look like one
FITTED = 3  # a level, a step and a correlation
LEAST_VARIANCE = 0.1  # clipped values seem to have less noise than the series


@dataclass(frozen=True)
class Noise:
    """Values that are correlated with those before them: an autoregressive moving average of first order.

    Args:
        correlation: the autoregressive coefficient.
        moving: the coefficient of the moving average; below 0, the noise is a slow wave under values that are
            otherwise independent.
        penalty: added to the deviance for one more parameter, as in Akaike's criterion.

    """

    correlation: float
    moving: float = 0.0
    penalty: float = 0.0

    @property
    def variance(self) -> float:
        """Variance of a value, if that of its prediction from all values before it is 1."""
        both = 1 + 2 * self.correlation * self.moving + self.moving**2
        return both / (1 - self.correlation**2)


NEGLIGIBLE = 1e-9
INDEPENDENT = (Noise(0.0),)
# A negative correlation makes means vary less than those of independent values, so it counts as 0.
NOISES = (
    *(Noise(value) for value in (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95)),
    *(Noise(0.95, moving, penalty=2.0) for moving in (-0.5, -0.75)),
)


def step_scores(
    values: Array,
    stops: NDArray[np.int64],
    start: int = 0,
    *,
    earlier: int = 0,
    noises: Sequence[Noise] = NOISES,
) -> Array:
    """Return the evidence for a step at each place of each series; -inf where a place has too few values.

    The values are taken as a level plus noise that is correlated. Its variance and correlation are estimated
    twice, with a step and without one, so a slow wave of correlated values explains a difference of means as
    well as a step does, unless the values beside it show that they are hardly correlated. The evidence is
    the logarithm of the likelihood ratio, doubled and reduced by the degrees of freedom, as for independent
    values in Worsley, "On the likelihood ratio test for a shift in location of normal populations", JASA 74,
    1979; correlated ones are whitened as in Robbins, Gallagher & Lund, "A general regression changepoint test
    for time series data", JASA 111, 2016. Its maximum over a series is nearly as large by chance for
    correlated values as for independent ones.

    Args:
        values: (series, values), of a standard deviation near one.
        stops: how many values each series has; the others are ignored.
        start: the first value of the level in which a step is searched. The values before it are only used
            to learn the correlation and the variance, and vary around zero.
        earlier: how many levels were fitted to the values before `start`.
        noises: those that are tried.

    """
    places = np.arange(values.shape[1])
    without, with_step = np.full(len(values), np.inf), np.full(values.shape, np.inf)
    for kind in noises:
        residual, moment, weight = _regression(values, stops, start, kind)
        rest = np.maximum(residual[:, None] - moment**2 / weight, 0.0)
        without = np.minimum(without, _deviance(residual, stops, kind))
        with_step = np.minimum(with_step, _deviance(rest, stops[:, None], kind))
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
    for kind in NOISES:
        residual, moment, weight = (
            float(figure[0, at] if figure.ndim == 2 else figure[0])
            for figure in _regression(values[None], stops, start, kind)
        )
        rest = max(residual - moment**2 / weight, 0.0)
        rest += 1e-9 * count  # the values are not clipped here, and may lack any noise
        deviance = count * math.log(rest) + math.log(kind.variance) + kind.penalty
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
    values: Array, stops: NDArray[np.int64], start: int, kind: Noise
) -> tuple[Array, Array, Array]:
    """Fit a level, and then a step at each place, to values that have been whitened.

    Returns:
        The residual sum of squares without a step: (series,). The product of each step with the residuals,
        and of each step with itself, both after the level is removed: (series, values).

    """
    count = values.shape[1]
    inside = np.arange(count) < stops[:, None]
    level = (np.arange(count) >= start).astype(np.float64)
    first = 1 / math.sqrt(kind.variance)
    white = _whitened(values, kind, first=first) * inside
    white_level = _whitened(level[None], kind, first=first) * inside
    squares = np.cumsum(_whitened(np.ones((1, count)), kind) ** 2)  # of a step, by the values after it
    level_weight = (white_level**2).sum(axis=1)
    level_moment = (white_level * white).sum(axis=1)
    residual = (white**2).sum(axis=1) - level_moment**2 / level_weight
    shared = _with_steps(white_level, kind)
    moment = _with_steps(white, kind) - shared * (level_moment / level_weight)[:, None]
    behind = np.where(inside, stops[:, None] - 1 - np.arange(count), 0)
    weight = squares[behind] - shared**2 / level_weight[:, None]
    return residual, moment, np.maximum(weight, 1e-12)


def _whitened(values: Array, kind: Noise, *, first: float = 1.0) -> Array:
    """Return the errors of predicting each value from those before it; the first one is multiplied."""
    white = values.copy()
    white[:, 1:] -= kind.correlation * values[:, :-1]
    white[:, 0] *= first
    return _recursive(white, kind.moving)


def _with_steps(white: Array, kind: Noise) -> Array:
    """Return the sum of the products of whitened values with a whitened step at each place."""
    sums = np.cumsum(white, axis=1)
    after = sums[:, -1:] - sums
    products = (white + (1 - kind.correlation) * after)[:, ::-1]
    return _recursive(products, kind.moving)[:, ::-1]


def _recursive(values: Array, moving: float) -> Array:
    """Subtract from each value the result before it, times `moving`.

    The series of powers of a shift that this takes is a product: 1 + x + x² + … is (1 + x)(1 + x²)(1 + x⁴)….
    """
    shift, factor = 1, -moving
    while shift < values.shape[1] and abs(factor) > NEGLIGIBLE:
        values = values.copy()
        values[:, shift:] += factor * values[:, :-shift]
        shift, factor = 2 * shift, factor**2
    return values


def _deviance(residual: Array, counts: NDArray[np.int64], kind: Noise) -> Array:
    """Return minus twice the log-likelihood, up to a constant."""
    logs = np.log(residual + LEAST_VARIANCE * counts)
    return np.multiply(counts, logs, dtype=np.float64) + math.log(kind.variance) + kind.penalty
