"""Separate runs: the interval comes from how far apart runs of one program are, or there is none."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from etbench.stats.interval import Interval
from etbench.stats.separate import SeparateRatio, drift_of, ratio_of_intervals, separate_at

Run = list[list[float]]
STUDENT_95 = {1: 12.706, 4: 2.776}


def _run(location: float, noise: float = 0.0, rounds: int = 30, seed: int = 0) -> Run:
    logs = np.random.default_rng(seed).normal(0, noise, rounds)
    return [[float(value)] for value in location * np.exp(logs)]


def _ratio(
    base: list[Run], new: list[Run], *, confidence: float = 0.95, drift: float | None = None
) -> SeparateRatio:
    at = separate_at(base, new, drift=drift)
    assert at is not None
    return at(confidence)


def test_one_run_of_each_has_no_interval_however_quiet_its_rounds_are() -> None:
    found = _ratio([_run(1.0)], [_run(1.5)])
    assert found.ratio == pytest.approx(1.5)
    assert (found.low, found.high, found.drift) == (0.0, math.inf, None)


@pytest.mark.parametrize("locations", [(0.9, 1.1), (0.95, 1.0, 1.02, 1.05, 1.01)], ids=len)
def test_several_runs_give_students_interval_for_one_more(locations: tuple[float, ...]) -> None:
    found = _ratio([_run(location) for location in locations], [_run(1.2)])
    logs = np.log(locations)
    half = STUDENT_95[len(locations) - 1] * logs.std(ddof=1) * math.sqrt(1 + 1 / len(locations))
    assert (found.base_runs, found.new_runs) == (len(locations), 1)
    assert found.drift == pytest.approx(logs.std(ddof=1))
    assert found.base_ms == pytest.approx(math.exp(logs.mean()))
    assert found.low == pytest.approx(1.2 / found.base_ms * math.exp(-half), rel=1e-3)
    assert found.high == pytest.approx(1.2 / found.base_ms * math.exp(half), rel=1e-3)


def test_runs_of_the_new_program_count_too() -> None:
    base, new = [_run(1.0)], [_run(location) for location in (1.9, 2.0, 2.1)]
    there, back = _ratio(base, new), _ratio(new, base)
    assert (there.base_runs, there.new_runs) == (1, 3)
    assert there.low > 1
    assert (back.low, back.high) == (pytest.approx(1 / there.high), pytest.approx(1 / there.low))


def test_a_run_that_is_noisier_in_itself_widens_the_interval_and_does_not_veto_it() -> None:
    base = [_run(location, 0.01, seed=seed) for seed, location in enumerate((0.97, 1.0, 1.03, 1.01))]
    quiet, noisy = (_ratio(base, [_run(10.0, noise, seed=9)]) for noise in (0.01, 0.3))
    assert noisy.high / noisy.low > 1.1 * quiet.high / quiet.low
    assert noisy.low > 1, "ten times as slow is slower, however unstable it is"


def test_a_drift_that_is_given_replaces_that_of_the_runs() -> None:
    found = _ratio([_run(1.0)], [_run(1.05)], drift=0.1)
    assert found.low == pytest.approx(1.05 * math.exp(-1.96 * 0.1 * math.sqrt(2)), rel=1e-3)
    apart = [_run(0.5), _run(2.0)]
    assert _ratio(apart, [_run(1.05)], drift=0.1).high < 1.4 < _ratio(apart, [_run(1.05)]).high


def test_runs_of_fewer_than_five_rounds_do_not_count() -> None:
    assert separate_at([_run(1.0)], [_run(1.0, rounds=4)]) is None
    assert _ratio([_run(1.0), _run(3.0, rounds=4)], [_run(1.0)]).drift is None


def test_an_interval_wider_than_a_number_can_hold_is_none() -> None:
    found = _ratio([_run(1.0), _run(9.0)], [_run(1.0)], confidence=1 - 1e-4)
    assert (found.low, found.high) == (0.0, math.inf)


@pytest.mark.parametrize(("drift", "runs"), [(0.03, 2), (0.03, 5), (0.25, 5)])
def test_the_rates_hold_on_quiet_and_on_wild_machines(drift: float, runs: int) -> None:
    random = np.random.default_rng(runs)
    covered, alarms = [], []
    for _ in range(1_000):
        made = [
            Interval(location=level, low=level / 1.02, high=level * 1.02)
            for level in np.exp(random.normal(0, drift, runs + 1)).tolist()
        ]
        plain, strict = (
            ratio_of_intervals(made[:-1], made[-1:], confidence=confidence) for confidence in (0.95, 0.98)
        )
        covered.append(plain.low <= 1 <= plain.high)
        alarms.append(strict.low > 1 or strict.high < 1)
    assert 0.93 < np.mean(covered) < 0.97
    assert np.mean(alarms) < 0.035


def test_the_drift_of_runs_has_an_upper_bound_that_falls_with_their_number() -> None:
    logs = np.random.default_rng(0).normal(0, 0.1, 20)
    found = [drift_of([_run(math.exp(log)) for log in logs[:count]]) for count in (2, 5, 20)]
    assert found[-1].deviation == pytest.approx(logs.std(ddof=1))
    factors = [one.at_most / one.deviation for one in found]
    assert all(before > after > 1 for before, after in pairwise(factors))
    assert factors[-1] == pytest.approx(math.sqrt(19 / 10.117), rel=1e-3)  # chi-squared, 5 % of 19
    with pytest.raises(ValueError, match="two runs"):
        drift_of([_run(1.0), _run(1.0, rounds=4)])
