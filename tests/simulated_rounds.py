"""Rounds of programs that are measured interleaved, simulated with the noise that was recorded.

A series of 1,545 rounds of mobilenet_v2 int8 (2 ms), 0.2 s apart, on a virtual machine with two cores had
medians whose logs vary by 14 % (standard deviation), with a correlation of 0.36 from one round to the next,
0.14 after 1 s, 0.11 after 2 s, 0.06 after 4 s and 0.02 after 10 s. About one round in twelve was slower by 60
to 80 %. Two equal programs in 10 blocks of one round each gave an interval of ±5.8 %, in 30 blocks ±3.1 %.
`benchmarks/gate.py` prints these figures of the simulation.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["ROUND_S", "interleaved", "recorded_noise", "samples_of"]

Array = NDArray[np.float64]
ROUND_S = 0.06  # from one round to the next; a block of two took 0.12 s

DRIFT, DRIFT_S = 0.065, 4.0  # standard deviation of the slow part, and how long it lasts
WHITE = 0.052
OUTLIERS, OUTLIER_S = 1 / 16, 0.16  # share, and how long a disturbance lasts
OUTLIER = (np.log(1.6), np.log(1.8))


def recorded_noise(
    random: np.random.Generator, series: int, rounds: int, *, step_s: float = ROUND_S, scale: float = 1.0
) -> Array:
    """Return the logs of round medians of a program of 1 ms: (series, rounds).

    Args:
        random: the source of randomness.
        series: how many independent series.
        rounds: of each.
        step_s: from one round to the next.
        scale: factor of the drift and of the noise, not of the outliers.

    """
    noise = scale * random.normal(0, WHITE, (series, rounds))
    fresh = random.normal(0, scale * DRIFT, (series, rounds))
    keep, lasts = np.exp(-step_s / DRIFT_S), np.exp(-step_s / OUTLIER_S)
    drift, hit = fresh[:, 0], random.random(series) < OUTLIERS
    size = random.uniform(*OUTLIER, (series, rounds))
    for number in range(rounds):
        if number:
            drift = keep * drift + np.sqrt(1 - keep**2) * fresh[:, number]
            again = random.random(series) < OUTLIERS
            hit = np.where(random.random(series) < lasts, hit, again)
        noise[:, number] += drift + np.where(hit, size[:, number], 0.0)
    return noise


def interleaved(
    random: np.random.Generator, trials: int, blocks: int, members: int = 2, *, scale: float = 1.0
) -> Array:
    """Return the round medians in ms of equal programs in the same blocks: (trials, members, blocks).

    The order within a block is random, and that of every second block is the reverse of the one before.
    """
    noise = recorded_noise(random, trials, blocks * members, scale=scale)
    order = random.permuted(np.tile(np.arange(members), (trials, blocks, 1)), axis=2)
    reversed_ = order[:, 0 : blocks - 1 : 2, ::-1]
    order[:, 1 : 1 + 2 * reversed_.shape[1] : 2] = reversed_
    return np.exp(np.take_along_axis(noise.reshape(trials, blocks, members), order, axis=2).swapaxes(1, 2))


def samples_of(random: np.random.Generator, medians_ms: Array, count: int = 5) -> Array:
    """Return samples around round medians: one more axis, of `count`; one sample in fifty is 30 % slower."""
    shape = (*medians_ms.shape, count)
    spread = random.normal(0, 0.02, shape) + 0.26 * (random.random(shape) < 0.02)
    return medians_ms[..., None] * np.exp(spread)
