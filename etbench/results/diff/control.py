"""How much slower one program ran than the other in each block, by the operators that both have."""

from __future__ import annotations

import re
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from etbench.measure.pass_results import Operator
from etbench.results.diff.profiled import Profiled

__all__ = ["log_ratio"]

FEWEST = 3  # operators
LEAST_SHARE = 0.1  # of the operators' time of both programs
_INSTANCE = re.compile(r"\s*#\d+$")


def log_ratio(a: Profiled, b: Profiled) -> NDArray[np.float64]:
    """Return the log of how many times as long the same operators took in B, for each block.

    It is the median over these operators, each weighted with its time. Programs that do not have enough
    operators in common, such as those of different precisions, give zeros.
    """
    blocks = len(a.latency_ms)
    times_a, times_b = (np.array(one.times_ms).reshape(blocks, len(one.operators)) for one in (a, b))
    pairs = [
        (first, second)
        for first, second in same_operators(a.operators, b.operators)
        if times_a[:, first].min() > 0 and times_b[:, second].min() > 0
    ]
    if len(pairs) < FEWEST:
        return np.zeros(blocks)
    of_a, of_b = (list(positions) for positions in zip(*pairs, strict=True))
    weights = np.sqrt(np.median(times_a[:, of_a], axis=0) * np.median(times_b[:, of_b], axis=0))
    shares = [
        np.median(times[:, positions].sum(axis=1)) / np.median(times.sum(axis=1))
        for times, positions in ((times_a, of_a), (times_b, of_b))
    ]
    if min(shares) < LEAST_SHARE:
        return np.zeros(blocks)
    logs = np.log(times_b[:, of_b] / times_a[:, of_a])
    return np.array([_weighted_median(row, weights) for row in logs])


def same_operators(a: list[Operator], b: list[Operator]) -> list[tuple[int, int]]:
    """Return the positions of the operators that are the same: kernel, data types, module and shape.

    Without a module and shape, those of one name are matched in order, if both programs have as many.
    """
    places_a, places_b = _places(a), _places(b)
    pairs: list[tuple[int, int]] = []
    for place, ones in places_a.items():
        others = places_b.get(place, [])
        if len(ones) == len(others):
            pairs += zip(ones, others, strict=True)
    return sorted(pairs)


def _places(operators: list[Operator]) -> dict[tuple[object, ...], list[int]]:
    places: dict[tuple[object, ...], list[int]] = defaultdict(list)
    for position, one in enumerate(operators):
        place = (_INSTANCE.sub("", one.name), one.kind, one.module, tuple(one.shape))
        places[place].append(position)
    return places


def _weighted_median(values: NDArray[np.float64], weights: NDArray[np.float64]) -> float:
    """Return the value with half of the weight on each side; between two of them, their mean.

    >>> _weighted_median(np.array([3.0, 1.0, 2.0]), np.array([1.0, 1.0, 5.0]))
    2.0
    """
    order = np.argsort(values)
    reached = np.cumsum(weights[order])
    half = reached[-1] / 2
    low, high = np.searchsorted(reached, half, side="left"), np.searchsorted(reached, half, side="right")
    return float((values[order][low] + values[order][min(high, len(values) - 1)]) / 2)
