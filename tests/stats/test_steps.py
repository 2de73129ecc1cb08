"""A step among correlated values is told from a slow wave, and has an interval."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.typing import NDArray

from etbench.stats.search import critical_score
from etbench.stats.steps import MIN_SIDE, step_interval, step_scores

SERIES = 400
NIGHTS = (12, 16, 20, 30, 40, 50, 60, 70, 80, 90, 100)


def correlated(correlation: float, series: int, values: int) -> NDArray[np.float64]:
    """Series of autoregressive values with a standard deviation of one."""
    shocks = np.random.default_rng(0).standard_normal((series, values))
    noise = shocks.copy()
    for place in range(1, values):
        noise[:, place] = correlation * noise[:, place - 1]
        noise[:, place] += math.sqrt(1 - correlation**2) * shocks[:, place]
    return noise


def scores(series: NDArray[np.float64]) -> NDArray[np.float64]:
    return step_scores(series, np.full(len(series), series.shape[1]))


def slow_wave(series: int, values: int) -> NDArray[np.float64]:
    """Half of the variance is independent, the other half drifts slowly."""
    white = np.random.default_rng(1).standard_normal((series, values))
    return (correlated(0.9, series, values) + white) / math.sqrt(2)


@pytest.mark.parametrize(
    "noise",
    [
        *(correlated(value, SERIES, NIGHTS[-1]) for value in (0.0, 0.3, 0.5, 0.8)),
        slow_wave(SERIES, NIGHTS[-1]),
    ],
    ids=["independent", "0.3", "0.5", "0.8", "slow wave"],
)
def test_values_without_a_step_rarely_seem_to_have_one_on_any_night(noise: NDArray[np.float64]) -> None:
    beyond = np.zeros(SERIES, dtype=bool)
    for night in NIGHTS:
        beyond |= scores(noise[:, :night]).max(axis=1) > critical_score(0.05)
    assert beyond.mean() <= 0.05


def test_a_step_that_stands_out_of_the_noise_is_found_at_its_place() -> None:
    noise = correlated(0.0, SERIES, 60)
    noise[:, 52:] += 3.2
    found = scores(noise)
    assert np.mean(found.max(axis=1) > critical_score(0.05)) >= 0.9
    assert np.mean(np.abs(np.argmax(found, axis=1) - 52) <= 1) >= 0.9


def test_the_same_step_among_correlated_values_is_weaker_evidence() -> None:
    step = np.where(np.arange(60) < 52, 0.0, 3.2)
    independent, dependent = (scores(correlated(value, SERIES, 60) + step) for value in (0.0, 0.8))
    assert np.median(dependent.max(axis=1)) < np.median(independent.max(axis=1)) - 5


def test_values_after_the_stop_and_places_near_the_ends_do_not_count() -> None:
    (noise,) = correlated(0.3, 1, 40)
    stops = np.array([20, 40])
    both = step_scores(np.stack([noise, noise]), stops)
    alone = scores(noise[None, :20])[0]
    assert both[0, :20] == pytest.approx(alone)
    for row, stop in zip(both, stops, strict=True):
        assert np.flatnonzero(np.isfinite(row)).tolist() == list(range(MIN_SIDE, stop - MIN_SIDE + 1))


def test_a_later_level_is_searched_alone() -> None:
    (noise,) = correlated(0.0, 1, 60)
    noise[50:] += 6
    found = step_scores(noise[None], np.array([60]), start=30, earlier=1)[0]
    assert np.flatnonzero(np.isfinite(found))[0] == 30 + MIN_SIDE
    assert np.argmax(found) == 50


@pytest.mark.parametrize(("correlation", "least"), [(0.0, 0.93), (0.5, 0.9)])
def test_the_interval_covers_the_height_of_the_step(correlation: float, least: float) -> None:
    series = correlated(correlation, 200, 50)
    series[:, 30:] += 4
    intervals = [step_interval(values, 30) for values in series]
    assert np.mean([low <= 4 <= high for _, low, high in intervals]) >= least
    assert np.median([height for height, _, _ in intervals]) == pytest.approx(4, abs=0.1)


def test_values_without_noise_have_a_step_and_a_narrow_interval() -> None:
    values = np.repeat([0.0, 2.0], 6)
    assert np.argmax(scores(values[None])) == 6
    height, low, high = step_interval(values, 6)
    assert height == pytest.approx(2)
    assert low < 2 < high < 2.1
