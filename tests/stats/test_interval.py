"""The interval of a cell's latency: its coverage where rounds are correlated, and its invariants."""

from __future__ import annotations

import math
from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated import drifting, machine

from etbench.stats.interval import _running_medians, location_interval

medians_ms = st.lists(st.floats(0.1, 1e4), min_size=5, max_size=40)


def _coverage(series: np.ndarray, truth: float) -> float:
    intervals = [location_interval([[value] for value in row]) for row in np.exp(series)]
    return float(np.mean([one.low <= truth <= one.high for one in intervals if one is not None]))


@pytest.fixture(scope="module")
def truth() -> float:
    """The level of the simulated machine."""
    return math.exp(float(np.median(machine(np.random.default_rng(0), 200, 4_000, apart_s=0.5))))


@pytest.mark.parametrize(
    ("rounds", "span_s"),
    [
        pytest.param(75, 3.3, id="a quick cell alone"),
        pytest.param(30, 3.0, id="two cells in turn"),
        pytest.param(130, 6.0, id="longer"),
        pytest.param(5, 6.0, id="a slow cell"),
        pytest.param(12, 6.0, id="a less slow cell"),
        pytest.param(30, 60.0, id="one of a sweep"),
    ],
)
def test_it_covers_the_truth_in_95_of_100_where_rounds_are_correlated(
    rounds: int, span_s: float, truth: float
) -> None:
    random = np.random.default_rng(rounds)
    assert _coverage(machine(random, 800, rounds, span_s / rounds), truth) >= 0.925


@pytest.mark.parametrize("rounds", [5, 12, 30, 75])
def test_it_covers_the_truth_where_rounds_are_independent(rounds: int) -> None:
    random = np.random.default_rng(rounds)
    assert _coverage(random.normal(0, 0.1, (800, rounds)), truth=1.0) >= 0.93


def test_it_is_much_narrower_where_rounds_are_independent_than_where_they_drift() -> None:
    random = np.random.default_rng(0)
    logs = drifting(random, (200, 30), rounds=10.0, std=0.1)
    in_a_row, shuffled = (
        np.median([location_interval([[value] for value in row]).half_width for row in np.exp(series)])
        for series in (logs, random.permuted(logs, axis=1))
    )
    assert shuffled < 0.35 * in_a_row


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


@given(st.lists(st.floats(-10, 10), min_size=1, max_size=60))
def test_running_medians_are_the_medians_of_what_came_before(values: list[float]) -> None:
    assert _running_medians(values) == [median(values[: end + 1]) for end in range(len(values))]
