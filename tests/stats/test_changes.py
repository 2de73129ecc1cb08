"""Changes of level are found, and series that only vary have none, whenever they are looked at."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from etbench.stats.changes import MIN_RUNS, Change, first_seen, judge_series

SERIES = 40
HALF = 0.02


def _runs(random: np.random.Generator, means_ms: Sequence[float], noise: float = 0.01) -> list[float]:
    return list(np.asarray(means_ms) * np.exp(random.normal(0, noise, len(means_ms))))


def _changes(runs: Sequence[float], **options: float) -> list[Change]:
    return judge_series(runs, [HALF] * len(runs), **options).changes


@pytest.mark.parametrize("outliers", [0.0, 0.08])
def test_a_hundred_nights_without_a_change_rarely_report_one(outliers: float) -> None:
    random = np.random.default_rng(1)
    alarms = 0
    for _ in range(SERIES):
        outlying = random.random(100) < outliers
        runs = np.array(_runs(random, [10.0] * 100, 0.03)) * np.where(
            outlying, random.uniform(1.1, 1.8, 100), 1
        )
        alarms += bool(first_seen(runs.tolist(), [HALF] * 100, least_ratio=1.0))
    assert alarms <= 0.05 * SERIES


@pytest.mark.parametrize(
    ("ratio", "noise", "within"), [(1.05, 0.01, 5), (1.10, 0.03, 8), (1 / 1.10, 0.03, 8)]
)
def test_a_step_is_found_within_a_few_runs(ratio: float, noise: float, within: int) -> None:
    random = np.random.default_rng(2)
    found = [_changes(_runs(random, [10.0] * 50 + [10.0 * ratio] * within, noise)) for _ in range(SERIES)]
    once = [changes[0] for changes in found if len(changes) == 1]
    assert len(once) >= 0.85 * SERIES, "0.9 of many series, as the benchmark prints, less a standard error"
    assert np.mean([change.earliest <= 50 <= change.latest for change in once]) >= 0.9
    assert np.mean([change.low <= ratio <= change.high for change in once]) >= 0.85
    assert np.median([change.ratio for change in once]) == pytest.approx(ratio, rel=0.01)


def test_a_night_reports_what_later_nights_report_too() -> None:
    runs = _runs(np.random.default_rng(3), [10.0] * 30 + [11.0] * 12)
    ((night, at),) = first_seen(runs, [HALF] * 42)
    assert 34 <= night <= 36
    assert not _changes(runs[: night - 1])
    assert all(len(_changes(runs[:count])) == 1 for count in range(night, 43))
    assert at == 30


def test_two_steps_are_two_changes() -> None:
    random = np.random.default_rng(4)
    changes = _changes(_runs(random, [10.0] * 20 + [15.0] * 12 + [10.0] * 12, 0.03))
    assert [change.at for change in changes] == [20, 32]
    assert changes[0].ratio > 1.3
    assert changes[1].ratio < 0.75


def test_a_regression_that_was_mended_a_week_later_stays_reported() -> None:
    random = np.random.default_rng(5)
    changes = _changes(_runs(random, [10.0] * 40 + [10.6] * 7 + [10.0] * 60))
    assert [change.at for change in changes] == [40, 47]


def test_runs_that_are_far_off_are_not_a_change_until_enough_agree() -> None:
    random = np.random.default_rng(6)
    before = _runs(random, [10.0] * 30)
    slow = _runs(random, [20.0] * 5)
    assert not _changes([*before, *slow[:1]])
    assert not _changes([*before, *slow[:3]])
    assert not _changes([*before, slow[0], before[0], slow[1], before[1], slow[2]])
    assert len(_changes([*before, *slow])) == 1
    assert not _changes([*before[:15], *slow[:2], *before[15:]])


def test_isolated_runs_do_not_hide_a_change() -> None:
    random = np.random.default_rng(11)
    runs = np.array(_runs(random, [10.0] * 50 + [11.0] * 8, 0.02))
    runs[[5, 20, 33, 34, 47, 53]] *= 1.5
    (change,) = _changes(runs.tolist())
    assert change.earliest <= 50 <= change.latest


def test_changes_up_to_the_smallest_of_interest_are_left_out() -> None:
    runs = _runs(np.random.default_rng(7), [10.0] * 40 + [10.4] * 40, 0.005)
    assert len(_changes(runs)) == 1
    assert not _changes(runs, least_ratio=1.05)
    assert not _changes(_runs(np.random.default_rng(7), [10.4] * 40 + [10.0] * 40, 0.005), least_ratio=1.05)


def test_an_uncertain_run_weighs_less_than_the_others() -> None:
    runs = _runs(np.random.default_rng(8), [10.0] * 30 + [11.0] * 5)
    near = [HALF] * 30
    sure, unsure = judge_series(runs, [*near, *[HALF] * 5]), judge_series(runs, [*near, *[0.3] * 5])
    assert (len(sure.changes), len(unsure.changes)) == (1, 0)
    assert sure.weights == [1.0] * 35
    assert max(unsure.weights[30:]) < 0.05
    assert judge_series(runs, [0.3] * 35).weights == [1.0] * 35, "all are as uncertain as each other"
    assert len(judge_series(runs, [*near, *[None] * 5]).changes) == 1


@pytest.mark.parametrize("runs", [0, 1, 2, MIN_RUNS - 1])
def test_too_few_runs_show_neither_a_change_nor_that_there_is_none(runs: int) -> None:
    course = judge_series(([10.0] * 5 + [20.0] * 6)[:runs], [None] * runs)
    assert course.changes == []
    assert course.smallest_ratio is None
    assert len(course.levels_ms) == len(course.weights) == runs


def test_runs_without_noise_have_levels_and_changes() -> None:
    runs = [10.0] * 8 + [20.0] * 8
    course = judge_series(runs, [HALF] * 16)
    assert [change.at for change in course.changes] == [8]
    assert course.changes[0].ratio == pytest.approx(2)
    assert course.levels_ms == pytest.approx(runs)
    assert judge_series([10.0] * 16, [HALF] * 16).changes == []


def test_the_smallest_step_that_would_have_been_found_follows_the_noise() -> None:
    quiet, wild = (
        judge_series(_runs(np.random.default_rng(9), [10.0] * 40, noise), [HALF] * 40).smallest_ratio
        for noise in (0.01, 0.05)
    )
    assert quiet is not None
    assert wild is not None
    assert 1.03 <= quiet < 1.06 < wild < 1.3
    shorter = judge_series(_runs(np.random.default_rng(9), [10.0] * 16, 0.01), [HALF] * 16).smallest_ratio
    assert shorter is None or shorter > quiet


def test_several_series_share_the_chance_of_a_false_change() -> None:
    runs = _runs(np.random.default_rng(10), [10.0] * 30 + [10.5] * 30)
    alone, shared = (first_seen(runs, [HALF] * 60, alpha=alpha)[0][0] for alpha in (0.05, 0.05 / 100))
    assert alone < shared, "stronger evidence takes more nights"
