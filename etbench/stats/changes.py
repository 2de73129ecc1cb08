"""Find the changes of level in a series of separate runs, on a machine that drifts from run to run."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from statistics import NormalDist

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

__all__ = ["LEAST_DRIFT", "MIN_RUNS", "Change", "find_changes", "levels"]

# Standard deviation of the log of a run's location between runs on a quiet day of the machine. Two runs alone
# are judged as on a busy day (`etbench.stats.separate`), but a series itself shows if its drift is larger.
LEAST_DRIFT = 0.075
MIN_RUNS = 2  # on each side of a change: a single run that is far off may be an accident
FAR_OFF = 3.0  # standard deviations from the median of a run and its two neighbours
MAD_TO_STD = 1.4826
NORMAL = NormalDist()


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


def find_changes(
    locations_ms: Sequence[float],
    half_widths: Sequence[float | None],
    *,
    alpha: float = 0.05,
    drift: float = LEAST_DRIFT,
) -> list[Change]:
    """Find the runs at which the level of a series changed, in order.

    The log of a run's location is taken as its level, plus the machine's drift between runs, plus the error
    of the run itself (from its interval): both normal and independent. Every place with `MIN_RUNS` on both
    sides is tested by the difference of the weighted means there, which with known variances is the
    likelihood ratio test (Hinkley, "Inference about the change-point in a sequence of random variables",
    Biometrika 57, 1970); the largest difference counts if it is significant after Bonferroni over all places.
    The parts before and after it are searched in the same way (binary segmentation: Scott & Knott,
    "A cluster analysis method for grouping means", Biometrics 30, 1974). So the chance of any false change in
    a series is at most `alpha`. A run that is far from both its neighbours is moved towards them first (a
    Hampel filter of three runs).

    The drift is that of a quiet day (`LEAST_DRIFT`), or the one that the series itself shows from one run to
    the next if that is larger; a few changes of level hardly affect these differences (Rice, "Bandwidth
    choice for nonparametric regression", Annals of Statistics 12, 1984; here by their median).

    Args:
        locations_ms: the location of each run, in the order of time.
        half_widths: the half width of each run's 95 % interval on the log scale; None if a run has none, and
            then its error is assumed to be as large as the drift.
        alpha: the chance of any false change.
        drift: standard deviation of the log of a run's location, between runs; the smallest that is assumed.

    """
    places = len(locations_ms) - 2 * MIN_RUNS + 1
    if places < 1:
        return []
    logs, weights = _weighted(locations_ms, half_widths, drift)
    critical = _critical(alpha / places, estimated_from=len(logs) - 1 if _drift(logs) > drift else None)
    filtered = _hampel(logs, weights)
    found = _search(filtered, weights, 0, len(logs), critical)
    edges = [0, *found, len(logs)]
    return [_change(filtered, weights, *edges[number : number + 3]) for number in range(len(found))]


def levels(
    locations_ms: Sequence[float],
    half_widths: Sequence[float | None],
    changes: Sequence[Change],
    *,
    drift: float = LEAST_DRIFT,
) -> list[float]:
    """Return the level of each run in ms: the weighted mean, on the log scale, between two changes."""
    logs, weights = _weighted(locations_ms, half_widths, drift)
    edges = [0, *(change.at for change in changes), len(logs)]
    return [
        math.exp(np.average(logs[start:stop], weights=weights[start:stop]))
        for start, stop in pairwise(edges)
        for _ in range(start, stop)
    ]


def _weighted(
    locations_ms: Sequence[float], half_widths: Sequence[float | None], drift: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the logs, and the inverse of the variance of each."""
    logs = np.log(np.asarray(locations_ms, dtype=np.float64))
    drift = max(drift, _drift(logs))
    normal = NORMAL.inv_cdf(0.975)
    errors = np.array([drift if half is None else half / normal for half in half_widths], dtype=np.float64)
    return logs, 1 / (drift**2 + errors**2)


def _drift(logs: NDArray[np.float64]) -> float:
    """Return the standard deviation between runs that their successive differences show."""
    if len(logs) < 2:
        return 0.0
    return MAD_TO_STD * float(np.median(np.abs(np.diff(logs)))) / math.sqrt(2)


def _critical(alpha: float, *, estimated_from: int | None) -> float:
    """Return what a difference must exceed, in standard deviations, on either side.

    If these are estimated, it is a quantile of Student's t; the median of the differences has about half as
    many degrees of freedom as there are differences.
    """
    if estimated_from is None:
        return NORMAL.inv_cdf(1 - alpha / 2)
    from scipy import stats  # takes half a second to import

    return float(stats.t.isf(alpha / 2, df=max(1, estimated_from // 2)))


def _hampel(logs: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Clip each run that is far from the median of itself and its neighbours to `FAR_OFF` deviations."""
    windows = np.lib.stride_tricks.sliding_window_view(logs, 3)
    inner = np.median(windows, axis=1)
    middle = np.concatenate([inner[:1], inner, inner[-1:]])
    near = FAR_OFF / np.sqrt(weights)
    clipped: NDArray[np.float64] = np.clip(logs, middle - near, middle + near)
    return clipped


def _search(
    logs: NDArray[np.float64], weights: NDArray[np.float64], start: int, stop: int, critical: float
) -> list[int]:
    """Return the changes among the runs from start to stop."""
    if stop - start < 2 * MIN_RUNS:
        return []
    scores = _scores(logs[start:stop], weights[start:stop])
    if scores.max() <= critical:
        return []
    at = start + MIN_RUNS + int(np.argmax(scores))
    return [
        *_search(logs, weights, start, at, critical),
        at,
        *_search(logs, weights, at, stop, critical),
    ]


def _scores(logs: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return how far the means on both sides of each place are apart, in standard deviations."""
    weight, moment = np.cumsum(weights), np.cumsum(weights * logs)
    before = slice(MIN_RUNS - 1, len(logs) - MIN_RUNS)
    left, right = weight[before], weight[-1] - weight[before]
    apart = (moment[-1] - moment[before]) / right - moment[before] / left
    scores: NDArray[np.float64] = np.abs(apart) * np.sqrt(left * right / weight[-1])
    return scores


def _change(
    logs: NDArray[np.float64], weights: NDArray[np.float64], start: int, at: int, stop: int
) -> Change:
    before, after = slice(start, at), slice(at, stop)
    means = [np.average(logs[side], weights=weights[side]) for side in (before, after)]
    half = NORMAL.inv_cdf(0.975) * math.sqrt(1 / weights[before].sum() + 1 / weights[after].sum())
    centre = float(means[1] - means[0])
    earliest, latest = _where(_scores(logs[start:stop], weights[start:stop]))
    return Change(
        at=at,
        earliest=start + MIN_RUNS + earliest,
        latest=start + MIN_RUNS + latest,
        ratio=math.exp(centre),
        low=math.exp(centre - half),
        high=math.exp(centre + half),
    )


def _where(scores: NDArray[np.float64], confidence: float = 0.95) -> tuple[int, int]:
    """Return the first and last place that may be that of the change.

    Twice the log-likelihood of the best place exceeds that of the true one by the larger of two
    exponential variables with mean 2, one for each side (Siegmund, "Confidence sets in change-point
    problems", International Statistical Review 56, 1988; its limit for small steps, which is the widest).
    """
    margin = -2 * math.log(1 - math.sqrt(confidence))
    likely = np.flatnonzero(scores.max() ** 2 - scores**2 <= margin)
    return int(likely[0]), int(likely[-1])
