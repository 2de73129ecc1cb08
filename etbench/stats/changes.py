"""Find the changes of level in a series of separate runs, on a machine that drifts from run to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.stats.search import FAR_OFF, MIN_RUNS, WINDOW, Search, critical_score, noise, standardized
from etbench.stats.steps import step_interval, step_scores

__all__ = ["LEAST_RATIO", "MIN_RUNS", "Change", "Course", "first_seen", "judge_series"]

Array = NDArray[np.float64]
LEAST_RATIO = 1.03
WIDER = 2.0  # times the usual interval, from which on a run is uncertain
PLANTED = 8  # runs ago: the step of which `smallest_ratio` gives the size
LARGEST = 4.0
NORMAL_95 = NormalDist().inv_cdf(0.975)


class Change(Struct, frozen=True, kw_only=True):
    """A change of level before the run numbered `at`, which is the likeliest of `earliest` to `latest`.

    `ratio` is the level after the change over the level before, and `low` to `high` its 95 % interval, which
    includes the drift between runs. `earliest` to `latest` is a 95 % interval of the place of the change.
    """

    at: int
    earliest: int
    latest: int
    ratio: float
    low: float
    high: float


class Course(Struct, frozen=True, kw_only=True):
    """What a series shows: its changes, and of each run the level in ms and its weight from 0 to 1.

    `smallest_ratio` is the smallest step, up or down, that would have been found if it had been there eight
    runs ago; None if no step below a factor of 4 would have been, or if the last level has fewer than twelve
    runs.
    """

    changes: list[Change]
    levels_ms: list[float]
    weights: list[float]
    smallest_ratio: float | None


def judge_series(
    locations_ms: Sequence[float],
    half_widths: Sequence[float | None],
    *,
    alpha: float = 0.05,
    least_ratio: float = LEAST_RATIO,
) -> Course:
    """Find the runs at which the level of a series changed, in order.

    The series is searched after its first twelve runs, and again after each run that follows, for a step with
    four runs on both sides (`etbench.stats.steps`). If one is found, the search continues in the new level:
    Hawkins, Qiu & Kang, "The changepoint model for statistical process control", Journal of Quality
    Technology 35, 2003. So a night's answer includes what was found on the nights before it, and a level that
    lasted for a few runs only is found too. At the end all changes are judged once more with what is known by
    now, and those that later runs refute are dropped.

    A run that is far from those beside it is ignored, others count for at most `FAR_OFF` standard deviations
    from their level, and four runs on both sides must be nearer to their own level than to the other. So a
    few that are far off do not make a change: three of five in a row do not, five of five do. A run whose own
    interval is more than twice as wide as that of most is moved towards the median of the runs before it, the
    more the wider it is.

    Args:
        locations_ms: the location of each run, in the order of time.
        half_widths: the half width of each run's 95 % interval on the log scale; None if a run has none.
        alpha: the chance of any false change in a hundred runs that are searched after each of them.
        least_ratio: changes of level up to this ratio, or down to its inverse, are not reported.

    """
    logs, weights, search = _prepared(locations_ms, half_widths, alpha, math.log(least_ratio))
    places = search.confirmed([place for _, place in search.seen()])
    edges = [0, *places, len(logs)]
    middles, near = _levels(logs, weights, edges, search.least)
    return Course(
        changes=[_change(search, middles, near, edges, number) for number in range(len(places))],
        levels_ms=np.exp(middles).tolist(),
        weights=weights.tolist(),
        smallest_ratio=_smallest(search, places),
    )


def first_seen(
    locations_ms: Sequence[float],
    half_widths: Sequence[float | None],
    *,
    alpha: float = 0.05,
    least_ratio: float = LEAST_RATIO,
) -> list[tuple[int, int]]:
    """Return after how many runs each change was first reported, and its place then.

    This includes changes that later runs refuted; the arguments are those of `judge_series`.
    """
    *_, search = _prepared(locations_ms, half_widths, alpha, math.log(least_ratio))
    return search.seen()


def _prepared(
    locations_ms: Sequence[float], half_widths: Sequence[float | None], alpha: float, least: float
) -> tuple[Array, Array, Search]:
    """Return the logs and the weight of each run, and the search, in which uncertain runs are moved."""
    logs = np.log(np.asarray(locations_ms, dtype=np.float64))
    weights = _weights(logs, half_widths, least)
    moved = logs.copy()
    for run in np.flatnonzero(weights < 1):
        usual = np.median(logs[max(0, run - WINDOW + 1) : run + 1])
        moved[run] = usual + weights[run] * (logs[run] - usual)
    return logs, weights, Search(moved, alpha, least)


def _weights(logs: Array, half_widths: Sequence[float | None], least: float) -> Array:
    """Return how much each run counts.

    The noise of the series includes the usual error of its runs. If it is less than that, the intervals of
    the runs are too wide, and only their widths relative to each other matter.
    """
    halves = np.array([math.nan if half is None else half for half in half_widths], dtype=np.float64)
    if np.isnan(halves).all():
        return np.ones(len(logs))
    variances = np.square(halves / NORMAL_95)
    usual = float(np.nanmedian(variances))
    excess = np.nan_to_num(np.maximum(variances - WIDER**2 * usual, 0.0))
    variance = _noise(logs, least) ** 2
    weights: Array = variance / (variance + excess * min(1.0, variance / max(usual, 1e-12)))
    return weights


def _noise(logs: Array, least: float) -> float:
    return float(noise(logs[None], np.array([len(logs)]), least)[0])


def _levels(logs: Array, weights: Array, edges: Sequence[int], least: float) -> tuple[Array, Array]:
    """Return the level of each run, and its log with less of what is far off or uncertain."""
    levels, near = logs.copy(), logs.copy()
    far = FAR_OFF * _noise(logs, least)
    for start, stop in pairwise(edges):
        if start < stop:
            middle = np.median(logs[start:stop])
            off = weights[start:stop] * (logs[start:stop] - middle)
            near[start:stop] = middle + np.clip(off, -far, far)
            levels[start:stop] = np.mean(near[start:stop])
    return levels, near


def _change(search: Search, levels: Array, near: Array, edges: Sequence[int], number: int) -> Change:
    start, at, stop = edges[number : number + 3]
    earliest, latest = _where(search.scores(edges[: number + 1], stop))
    centred = near[:stop] - np.where(np.arange(stop) < start, levels[:stop], levels[start])
    unit = _noise(near[:stop], search.least)
    heights = step_interval(centred / unit, at, start, earlier=number)
    ratio, low, high = (math.exp(height * unit) for height in heights)
    return Change(at=at, earliest=earliest, latest=latest, ratio=ratio, low=low, high=high)


def _where(scores: Array, confidence: float = 0.95) -> tuple[int, int]:
    """Return the first and last place that may be that of the change.

    Twice the log-likelihood of the best place exceeds that of the true one by the larger of two
    exponential variables with mean 2, one for each side (Siegmund, "Confidence sets in change-point
    problems", International Statistical Review 56, 1988; its limit for small steps, which is the widest).
    """
    margin = -2 * math.log(1 - math.sqrt(confidence))
    likely = np.flatnonzero(scores.max() - scores <= margin)
    return int(likely[0]), int(likely[-1])


def _smallest(search: Search, places: Sequence[int]) -> float | None:
    """Return the smallest ratio that would have been found if it had been there `PLANTED` runs ago."""
    edges, runs = [0, *places], len(search.logs)
    if runs - edges[-1] < MIN_RUNS:
        return None
    low, high = max(search.least, 1e-3), math.log(LARGEST)
    for _ in range(2):  # among a few, and then more closely between two of them
        heights = np.geomspace(low, high, 8)
        rows = np.tile(search.logs, (2 * len(heights), 1))
        rows[:, -PLANTED:] += np.concatenate([heights, -heights])[:, None]
        stops = np.full(len(rows), runs)
        values = standardized(rows, edges, stops, search.least)
        scores = step_scores(values, stops, edges[-1], earlier=len(places)).max(axis=1)
        found = (scores > critical_score(search.alpha)).reshape(2, -1).all(axis=0)
        if not found.any():
            return None
        first = int(np.argmax(found))
        low, high = heights[max(first - 1, 0)], heights[first]
    return math.exp(high)
