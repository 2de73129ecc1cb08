"""The interval of a cell's latency: its coverage where rounds are correlated, and its invariants."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.stats.interval import location_interval

medians_ms = st.lists(st.floats(0.1, 1e4), min_size=5, max_size=40)


def _drifting(random: np.random.Generator, shape: tuple[int, int], rounds: float, std: float) -> np.ndarray:
    """Return rows of noise that forgets itself over so many rounds."""
    keep = math.exp(-1 / rounds)
    noise = np.empty(shape)
    noise[:, 0] = random.normal(0, std, shape[0])
    steps = random.normal(0, std * math.sqrt(1 - keep**2), shape)
    for column in range(1, shape[1]):
        noise[:, column] = keep * noise[:, column - 1] + steps[:, column]
    return noise


def _machine(random: np.random.Generator, series: int, rounds: int, apart_s: float) -> np.ndarray:
    """Return log round medians like the recorded ones.

    They are 14 % apart, one in twelve of them far out; correlated by 0.82 after 0.05 s, 0.61 after 0.2 s,
    0.34 after 0.9 s and 0.19 after 2.2 s.
    """
    shape = (series, rounds)
    logs = random.normal(0, 0.10 * math.sqrt(0.10), shape)
    logs += _drifting(random, shape, 0.22 / apart_s, 0.10 * math.sqrt(0.25))
    logs += _drifting(random, shape, 1.8 / apart_s, 0.10 * math.sqrt(0.65))
    return logs + (random.random(shape) < 1 / 12) * random.uniform(0.47, 0.59, shape)


def _coverage(series: np.ndarray, truth: float) -> float:
    intervals = [location_interval([[value] for value in row]) for row in np.exp(series)]
    return float(np.mean([one.low <= truth <= one.high for one in intervals if one is not None]))


@pytest.mark.parametrize(
    ("rounds", "span_s", "least", "most"),
    [
        pytest.param(75, 3.3, 0.93, 0.97, id="a quick cell alone"),
        pytest.param(30, 3.0, 0.93, 0.97, id="two cells in turn"),
        pytest.param(130, 6.0, 0.95, 0.99, id="longer"),
        pytest.param(5, 6.0, 0.95, 1.0, id="a slow cell"),
        pytest.param(30, 30.0, 0.95, 1.0, id="one of a sweep"),
    ],
)
def test_it_covers_the_truth_in_95_of_100_where_rounds_are_correlated(
    rounds: int, span_s: float, least: float, most: float
) -> None:
    random = np.random.default_rng(rounds)
    truth = math.exp(float(np.median(_machine(random, 200, 4_000, apart_s=0.5))))
    assert least <= _coverage(_machine(random, 1_000, rounds, span_s / rounds), truth) <= most


def test_it_errs_on_the_safe_side_where_they_are_independent() -> None:
    random = np.random.default_rng(0)
    assert _coverage(random.normal(0, 0.1, (1_000, 30)), truth=1.0) > 0.97


def test_a_machine_that_changes_its_speed_does_not_make_it_wider_than_the_rounds() -> None:
    rounds = [[1.0 + 1e-3 * n] for n in range(30)] + [[1.3 + 1e-3 * n] for n in range(30)]
    interval = location_interval(rounds)
    assert interval is not None
    assert (interval.low, interval.high) == (pytest.approx(1.0), pytest.approx(1.329))


def test_fewer_than_five_rounds_say_nothing() -> None:
    assert location_interval([[1.0], [2.0], [3.0], [4.0]]) is None
    assert location_interval([[1.0]] * 5) is not None


@given(medians_ms)
def test_the_order_in_which_the_rounds_came_can_be_turned_round(medians: list[float]) -> None:
    rounds = [[value] for value in medians]
    forwards, backwards = location_interval(rounds), location_interval(rounds[::-1])
    assert forwards is not None
    assert backwards is not None
    assert forwards.half_width == pytest.approx(backwards.half_width, abs=1e-9)


@given(medians_ms)
def test_the_location_is_the_median_of_the_round_medians_and_lies_within(medians: list[float]) -> None:
    interval = location_interval([[value, value] for value in medians])
    assert interval is not None
    logs = [math.log(value) for value in medians]
    assert interval.location == pytest.approx(math.exp(float(np.median(logs))))
    assert interval.low <= interval.location * (1 + 1e-12)
    assert interval.high >= interval.location * (1 - 1e-12)
    assert interval.half_width >= 0


@given(medians_ms, st.floats(0.01, 100))
def test_another_unit_scales_it(medians: list[float], factor: float) -> None:
    one = location_interval([[value] for value in medians])
    other = location_interval([[value * factor] for value in medians])
    assert one is not None
    assert other is not None
    assert other.low == pytest.approx(one.low * factor, rel=1e-6)
    assert other.high == pytest.approx(one.high * factor, rel=1e-6)


def test_equal_rounds_have_no_width() -> None:
    interval = location_interval([[2.0, 2.0]] * 10)
    assert interval is not None
    assert interval.half_width == pytest.approx(0)
