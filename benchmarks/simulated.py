"""Simulated rounds with a known truth, for the benchmarks and the tests."""

from __future__ import annotations

import math

import numpy as np

__all__ = ["drifting", "machine", "samples_of"]


def drifting(random: np.random.Generator, shape: tuple[int, int], rounds: float, std: float) -> np.ndarray:
    """Return rows of noise that forgets itself over so many rounds."""
    keep = math.exp(-1 / rounds)
    noise = np.empty(shape)
    noise[:, 0] = random.normal(0, std, shape[0])
    steps = random.normal(0, std * math.sqrt(1 - keep**2), shape)
    for column in range(1, shape[1]):
        noise[:, column] = keep * noise[:, column - 1] + steps[:, column]
    return noise


def machine(random: np.random.Generator, series: int, rounds: int, apart_s: float) -> np.ndarray:
    """Return log round medians like those recorded on the machine on which etbench was developed.

    They are 14 % apart, one in twelve of them far out; correlated by 0.82 after 0.05 s, 0.61 after 0.2 s,
    0.34 after 0.9 s and 0.19 after 2.2 s.
    """
    shape = (series, rounds)
    logs = random.normal(0, 0.10 * math.sqrt(0.10), shape)
    logs += drifting(random, shape, 0.22 / apart_s, 0.10 * math.sqrt(0.25))
    logs += drifting(random, shape, 1.8 / apart_s, 0.10 * math.sqrt(0.65))
    return logs + (random.random(shape) < 1 / 12) * random.uniform(0.47, 0.59, shape)


def samples_of(
    random: np.random.Generator, levels: np.ndarray, samples: int, noise: float = 0.03, spikes: float = 0.01
) -> np.ndarray:
    """Return samples around the level of each round, on the log scale; some are spikes of up to 3 times."""
    shape = (*levels.shape, samples)
    spike = (random.random(shape) < spikes) * random.uniform(0.1, 1.1, shape)
    return levels[..., None] + random.normal(0, noise, shape) + spike
