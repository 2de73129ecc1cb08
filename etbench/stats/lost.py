"""Find groups within an output, such as channels, that are lost although the output as a whole agrees."""

from __future__ import annotations

import math
from collections.abc import Iterator
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.stats.bounds import Count

__all__ = ["LOST_DB", "Lost", "lost_groups"]

LOST_DB = 3.0  # the error has half the power of the signal; a constant in its place has 0 dB
LEAST_VALUES = 32  # a group of fewer values can be at 3 dB by chance
FEW = 0.01  # share of an axis of which some indices can be at 3 dB by chance, since there are so many
CHANCE = 0.01  # that any index of an axis is called an outlier, if all are alike
MAD_TO_SIGMA = 1.4826  # of a normal distribution

Array = NDArray[np.float64]


class Lost(Struct, frozen=True, kw_only=True):
    """Indices `first` to `last` along an axis, whose error is nearly as large as their signal.

    `sqnr_db` is that of the group. Axis 0 counts the items of all reference batches.
    """

    axis: Count
    first: Count
    last: Count
    sqnr_db: float


def lost_groups(signal: Array, error: Array) -> list[Lost]:
    """Return the groups of consecutive indices along an axis that are lost; none if a whole axis is.

    Every index of a group is below `LOST_DB`, and the group has at least `LEAST_VALUES` values. If fewer than
    1 % of the indices of an axis are below, such as 7 of a vocabulary of 32,000, those only count that are
    farther below the median than the lowest of so many alike ones would be. The axis with the fewest groups
    describes a loss best, and only its groups are returned.

    Args:
        signal: the reference, with the items of the batches along axis 0.
        error: what the program adds to it, of the same shape.

    """
    found = [list(_along(axis, signal, error)) for axis in range(1, signal.ndim)]
    return min(filter(None, found), key=len, default=[])


def _along(axis: int, signal: Array, error: Array) -> Iterator[Lost]:
    others = tuple(other for other in range(signal.ndim) if other != axis)
    power, noise = np.square(signal).sum(others), np.square(error).sum(others)
    lost = (noise > 0) & (power < noise * 10 ** (LOST_DB / 10))
    if lost.all():
        return
    if lost.mean() < FEW:
        lost &= _outliers(power, noise)
    edges = np.flatnonzero(np.diff(np.concatenate([[False], lost, [False]])))
    for first, end in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        values = (end - first) * signal.size // signal.shape[axis]
        if values >= LEAST_VALUES and power[first:end].sum() > 0:
            ratio = float(power[first:end].sum() / noise[first:end].sum())
            yield Lost(axis=axis, first=first, last=end - 1, sqnr_db=10 * math.log10(ratio))


def _outliers(power: Array, noise: Array) -> NDArray[np.bool_]:
    """Return which indices are far below the others, by the median and its absolute deviation in dB."""
    with np.errstate(divide="ignore"):
        ratio = 10 * np.log10(np.divide(power, noise, out=np.full_like(power, np.inf), where=noise > 0))
    known = ratio[np.isfinite(ratio)]
    if not known.size:
        return np.ones_like(noise, dtype=np.bool_)
    sigma = MAD_TO_SIGMA * np.median(np.abs(known - np.median(known)))
    below: NDArray[np.bool_] = ratio < np.median(known) + sigma * NormalDist().inv_cdf(CHANCE / known.size)
    return below
