"""Changes of level are found, and a machine that only drifts has none."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from etbench.stats.changes import LEAST_DRIFT, find_changes, levels

SERIES = 1_000


def _runs(random: np.random.Generator, means_ms: Sequence[float], drift: float, half: float) -> list[float]:
    """Locations of runs whose level drifts, with the error of an interval of that half width."""
    noise = random.normal(0, np.hypot(drift, half / 1.96), len(means_ms))
    return list(np.asarray(means_ms) * np.exp(noise))


@pytest.mark.parametrize("runs", [4, 10, 30, 100])
@pytest.mark.parametrize("half", [0.01, 0.15])
def test_pure_drift_raises_at_most_5_percent_false_alarms(runs: int, half: float) -> None:
    random = np.random.default_rng(runs)
    alarms = sum(
        bool(find_changes(_runs(random, [10.0] * runs, LEAST_DRIFT, half), [half] * runs))
        for _ in range(SERIES)
    )
    assert alarms / SERIES <= 0.05


def test_a_machine_that_drifts_more_than_assumed_shows_it_by_itself() -> None:
    random = np.random.default_rng(1)
    series = [_runs(random, [10.0] * 40, 2 * LEAST_DRIFT, 0.02) for _ in range(SERIES)]
    alarms = sum(bool(find_changes(runs, [0.02] * 40)) for runs in series)
    assert alarms / SERIES <= 0.05


def test_several_series_share_the_chance_of_a_false_alarm() -> None:
    random = np.random.default_rng(2)
    families = 100
    alarms = sum(
        any(
            find_changes(_runs(random, [10.0] * 12, LEAST_DRIFT, 0.02), [0.02] * 12, alpha=0.05 / 28)
            for _ in range(28)
        )
        for _ in range(families)
    )
    assert alarms / families <= 0.09  # 5 %, and two standard errors of a hundred families


def test_a_step_of_25_percent_is_found_where_it_is() -> None:
    random = np.random.default_rng(3)
    found = []
    for _ in range(SERIES):
        runs = _runs(random, [10.0] * 15 + [12.5] * 15, LEAST_DRIFT, 0.02)
        found.append(find_changes(runs, [0.02] * 30))
    once = [changes[0] for changes in found if len(changes) == 1]
    assert len(once) / SERIES > 0.95
    assert np.mean([abs(change.at - 15) <= 1 for change in once]) > 0.9
    assert np.mean([change.earliest <= 15 <= change.latest for change in once]) > 0.95
    assert np.median([change.latest - change.earliest for change in once]) <= 4
    assert np.mean([change.low < 1.25 < change.high for change in once]) > 0.9
    assert np.median([change.ratio for change in once]) == pytest.approx(1.25, rel=0.02)


def test_two_steps_are_two_changes() -> None:
    random = np.random.default_rng(4)
    means = [10.0] * 12 + [15.0] * 12 + [10.0] * 12
    changes = find_changes(_runs(random, means, 0.03, 0.01), [0.01] * 36)
    assert [change.at for change in changes] == [12, 24]
    assert changes[0].ratio > 1.3
    assert changes[1].ratio < 0.75


def test_one_run_that_lies_far_off_is_no_change() -> None:
    assert find_changes([10.0] * 10 + [20.0], [0.02] * 11) == []
    assert find_changes([10.0] * 6 + [20.0] + [10.0] * 6, [0.02] * 13) == []
    assert len(find_changes([10.0] * 10 + [20.0] * 2, [0.02] * 12)) == 1


def test_an_uncertain_run_weighs_less() -> None:
    runs, near = [10.0] * 8 + [14.0] * 4, [0.02] * 8
    assert find_changes(runs, [*near, *[0.02] * 4])
    assert not find_changes(runs, [*near, *[1.0] * 4])
    assert find_changes([10.0] * 8 + [20.0] * 4, [*near, *[None] * 4])


@pytest.mark.parametrize("runs", [[], [10.0], [10.0, 20.0, 30.0]])
def test_too_few_runs_have_no_change(runs: list[float]) -> None:
    assert find_changes(runs, [None] * len(runs)) == []


def test_the_level_is_the_weighted_mean_between_changes() -> None:
    runs, halves = [10.0] * 5 + [20.0] * 5, [0.02] * 10
    assert levels(runs, halves, find_changes(runs, halves)) == pytest.approx(runs)
    uncertain = levels([10.0] * 4 + [20.0], [0.02] * 4 + [2.0], [])
    assert uncertain == pytest.approx([10.0] * 5, rel=0.02)
