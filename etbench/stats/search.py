"""Search a series of runs for changes of level, as if it had been searched after each of them."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from etbench.stats.steps import INDEPENDENT, MIN_SIDE, step_scores

__all__ = ["FAR_OFF", "MIN_RUNS", "WINDOW", "Search", "critical_score", "noise", "standardized"]

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
MIN_RUNS = 12  # before anything is reported
FAR_OFF = 4.5  # standard deviations; a run counts for no more than that from its level
WINDOW = 5  # runs whose median represents them
CHUNK = 128  # nights that are searched at once
MAD_TO_STD = 1.4826


@dataclass(frozen=True)
class Search:
    """What is searched, and for what.

    Args:
        logs: the log of each run's location, in the order of time.
        alpha: the chance of any false change in a hundred runs that are searched after each of them.
        least: the least difference of logs that counts as a change.

    """

    logs: Array
    alpha: float
    least: float

    def scores(self, edges: Sequence[int], stop: int) -> Array:
        """Return the scores of steps between the last of the known edges and the stop."""
        stops = np.array([stop])
        values = standardized(self.logs[None, :stop], edges, stops, self.least)
        scores: Array = step_scores(values, stops, edges[-1], earlier=len(edges) - 1)[0]
        return scores

    def seen(self) -> list[tuple[int, int]]:
        """Return after how many runs each change is found, and its place.

        If one is found, the search continues in the new level.
        """
        found: list[tuple[int, int]] = []
        edges, runs = [0], MIN_RUNS
        while runs <= len(self.logs):
            nights = np.arange(runs, min(runs + CHUNK, len(self.logs) + 1))
            for night, at in self._exceeding(edges, nights):
                if self._lasts(edges[-1], at, night):
                    found.append((night, at))
                    edges.append(at)
                    runs = night
                    break
            else:
                runs = int(nights[-1]) + 1
        return found

    def confirmed(self, places: Sequence[int]) -> list[int]:
        """Move each change to its likeliest place between its neighbours, and drop those that do not hold.

        The weakest is dropped first, since its neighbours may hold without it.
        """
        places = list(places)
        for _ in range(2 * len(places) + 1):
            edges = [0, *places, len(self.logs)]
            margins, moved = [], []
            for number, (start, _, stop) in enumerate(zip(edges, edges[1:], edges[2:], strict=False)):
                scores = self.scores(edges[: number + 1], stop)
                at = int(np.argmax(scores))
                margin = float(scores[at]) - critical_score(self.alpha)
                margins.append(margin if self._lasts(start, at, stop) else -math.inf)
                moved.append(at)
            if margins and min(margins) <= 0:
                del places[margins.index(min(margins))]
            elif moved == places or sorted(set(moved)) != moved:
                break
            else:
                places = moved
        return places

    def _exceeding(self, edges: Sequence[int], nights: Counts) -> Iterator[tuple[int, int]]:
        """Yield each night on which a score exceeds its critical value, and the place of the highest.

        Most nights need no closer look: the scores that assume independent runs are quick to compute, and
        those of steps that stand out among correlated runs exceed half of the critical value too.
        """
        rows = np.tile(self.logs[: nights[-1]], (len(nights), 1))
        values, critical = standardized(rows, edges, nights, self.least), critical_score(self.alpha)
        start, earlier = edges[-1], len(edges) - 1
        quick = step_scores(values, nights, start, earlier=earlier, noises=INDEPENDENT)
        likely = np.flatnonzero(quick.max(axis=1) > critical / 2)
        scores = step_scores(values[likely], nights[likely], start, earlier=earlier)
        for row in np.flatnonzero(scores.max(axis=1) > critical):
            yield int(nights[likely[row]]), int(np.argmax(scores[row]))

    def _lasts(self, start: int, at: int, stop: int) -> bool:
        """Return whether the levels differ enough, and enough runs are nearer to their own one."""
        sides = self.logs[start:at], self.logs[at:stop]
        before, after = (float(np.median(side)) for side in sides)
        nearer_after = [np.abs(side - after) < np.abs(side - before) for side in sides]
        agreeing = min(np.sum(~nearer_after[0]), np.sum(nearer_after[1]))
        return abs(after - before) > self.least and bool(agreeing >= MIN_SIDE)


def critical_score(alpha: float) -> float:
    """Return what the score of a step must exceed.

    A series that is searched after each run then has a false change in at most `alpha` of cases while it
    grows to a hundred runs: the constants are those with which this held in simulations
    (`benchmarks/history.py`) at correlations from 0 to 0.8, of which the last needs the largest. The score
    has the tail of a chi-squared variable, so the factor would be 2; at a correlation of 0.8 the tail is
    longer.
    """
    return 18.2 - 2.5 * math.log(alpha / 0.05)


def standardized(rows: Array, edges: Sequence[int], stops: Counts, least: float) -> Array:
    """Return the distance of each run from the median of its level, in standard deviations, clipped.

    Args:
        rows: the logs of the runs: (series, runs).
        edges: where levels start; the last one ends with the first runs, of as many as the stop of a series.
        stops: of each series.
        least: the least difference of logs that counts as a change.

    """
    *_, start = edges
    unit = noise(rows, stops, least)[:, None]
    centred = _without_isolated(rows, stops, FAR_OFF * unit)
    for first, last in pairwise(edges):
        centred[:, first:last] -= np.median(rows[:, first:last], axis=1, keepdims=True)
    centred[:, start:] -= _medians(rows[:, start:], stops - start)[:, None]
    clipped: Array = np.clip(centred / unit, -FAR_OFF, FAR_OFF)
    return clipped


def _without_isolated(rows: Array, stops: Counts, far: Array) -> Array:
    """Replace each run that is far from the runs beside it by the median of the five around it.

    This is Hampel's filter (Davies & Gather, "The identification of multiple outliers", JASA 88, 1993), but
    the last run of a level stays, even if a slow one precedes it: it is near the median of the five up to it.
    """
    a, b, c, d, e = np.moveaxis(np.lib.stride_tricks.sliding_window_view(rows, WINDOW, axis=1), 2, 0)
    low = np.maximum(np.minimum(a, b), np.minimum(c, d))
    high = np.minimum(np.maximum(a, b), np.maximum(c, d))
    medians = np.maximum(np.minimum(e, low), np.minimum(np.maximum(e, low), high))
    last, places = stops[:, None] - WINDOW, np.arange(rows.shape[1])
    before, around = (
        np.take_along_axis(medians, np.clip(places - first, 0, last), axis=1)
        for first in (WINDOW - 1, WINDOW // 2)
    )
    isolated = np.minimum(np.abs(rows - before), np.abs(rows - around)) > far
    return np.where(isolated, around, rows)


def noise(rows: Array, stops: Counts, least: float) -> Array:
    """Return the standard deviation from one run to the next, in the first runs of each series.

    It is that of the successive differences, which a few changes of level hardly affect (Rice, "Bandwidth
    choice for nonparametric regression", Annals of Statistics 12, 1984; here by their median). Noise below a
    tenth of the least change makes no difference.
    """
    lowest = max(least / 10, 1e-6)
    if rows.shape[1] < 2:
        return np.full(len(rows), lowest)
    deviations = MAD_TO_STD / math.sqrt(2) * _medians(np.abs(np.diff(rows, axis=1)), stops - 1)
    return np.maximum(deviations, lowest)


def _medians(rows: Array, stops: Counts) -> Array:
    """Return the median of the first values of each row, of as many as its stop."""
    ordered = np.sort(np.where(np.arange(rows.shape[1]) < stops[:, None], rows, np.inf), axis=1)
    number = np.arange(len(rows))
    medians: Array = (ordered[number, (stops - 1) // 2] + ordered[number, stops // 2]) / 2
    return medians
