"""How many rounds of how many samples: alone, and for a comparison that is to be decided."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.config import Repeat
from etbench.config.sections import MIN_ROUNDS
from etbench.measure.worker.plan import MIN_SAMPLES, Plan, plan_decision, plan_rounds
from etbench.stats.looks import blocks_needed, looks_from
from etbench.stats.verdict import Levels


def _repeat(**changes: object) -> Repeat:
    fields = {"runs": 50, "warmup": 5, "rounds": 30, "rounds_s": 6.0, "spread_s": 0.0, "max_seconds": 120.0}
    return Repeat(**(fields | changes))  # type: ignore[arg-type]


@given(st.integers(1, 10_000), st.integers(1, 1_000), st.floats(0, 100), st.floats(1e-5, 100))
def test_a_plan_takes_at_least_all_runs(runs: int, rounds: int, start_s: float, inference_s: float) -> None:
    repeat = _repeat(runs=runs, rounds=rounds)
    plan = plan_rounds(repeat, start_s, inference_s)
    assert plan.rounds * plan.samples >= runs
    assert min(MIN_ROUNDS, rounds) <= plan.rounds <= rounds
    assert plan.samples >= min(MIN_SAMPLES, runs)
    if plan.rounds > min(MIN_ROUNDS, rounds):
        assert plan.rounds * (start_s + plan.samples * inference_s) <= repeat.rounds_s


def test_rounds_that_take_seconds_to_start_are_as_many_as_are_asked_for_at_least() -> None:
    assert plan_rounds(_repeat(min_rounds=15), 2.0, 0.1) == Plan(rounds=15, samples=4)
    assert plan_rounds(_repeat(min_rounds=15, rounds=1), 2.0, 0.1).rounds == 1
    assert plan_rounds(_repeat(min_rounds=15), 0.01, 0.001).rounds == 30


def test_a_quick_comparison_has_the_rounds_of_a_cell_alone() -> None:
    plan = plan_decision(_repeat(), start_s=0.06, inference_s=0.002, family=28)
    assert (plan.rounds, plan.samples, plan.note) == (30, 3, "")
    assert plan.most == 818  # 90 % of the time, for two programs


@pytest.mark.parametrize("family", [1, 28])
def test_a_slow_comparison_has_the_blocks_that_show_a_regression(family: int) -> None:
    """A round of 10 runs at 221 ms after 3 of warmup, and of a program three times as slow."""
    slow_s = (0.221 + 3 * 0.221) / 2
    repeat = _repeat(runs=10, warmup=3)
    assert plan_rounds(repeat, 0.1 + 3 * slow_s, slow_s).rounds == MIN_ROUNDS
    plan = plan_decision(repeat, 0.1 + 3 * slow_s, slow_s, family=family)
    levels = looks_from(plan.rounds, plan.most)[0].levels
    assert plan.rounds >= blocks_needed(levels.regression / family)
    assert plan.rounds * 2 * (0.1 + (3 + plan.samples) * slow_s) < repeat.max_seconds
    assert plan.note == ""


def test_the_samples_of_a_round_are_cut_before_the_blocks() -> None:
    repeat = _repeat(runs=50, max_seconds=60.0)
    plan = plan_decision(repeat, 1.0, 1.0, family=1)
    assert plan.samples == 2  # 50 runs in 7 rounds would be 8 in each
    assert plan.rounds >= blocks_needed(Levels().regression)
    assert plan.note == ""


def test_too_little_time_for_a_decision_is_said_with_the_time_that_it_needs() -> None:
    repeat = _repeat(runs=10, max_seconds=60.0)
    plan = plan_decision(repeat, 9.0, 3.0, family=1)
    assert plan.note == (
        "no regression can be seen: this needs 7 blocks, about 2 fit in repeat.max_seconds=60; "
        "repeat.max_seconds=187 would be enough"
    )
    assert (plan.rounds, plan.samples) == (5, 3)  # the time is not spent in vain
    enough = plan_decision(_repeat(runs=10, max_seconds=187.0), 9.0, 3.0, family=1)
    assert (enough.rounds, enough.note) == (7, "")


def test_blocks_that_suffice_to_pass_are_taken_although_they_show_no_regression() -> None:
    plan = plan_decision(_repeat(runs=10, max_seconds=200.0), 9.0, 1.0, family=28)
    assert (plan.rounds, plan.samples) == (9, 1)
    assert "no regression can be seen: this needs 12 blocks, about 9 fit" in plan.note


def test_a_limit_of_the_rounds_is_named_too() -> None:
    plan = plan_decision(_repeat(max_rounds=6), 0.06, 0.002, family=1)
    assert plan.note == "no regression can be seen: this needs 7 blocks: repeat.max_rounds=7"


def test_a_tail_plans_all_rounds_with_twice_the_samples_that_bound_it() -> None:
    plan = plan_rounds(_repeat(tail="p99"), start_s=0.3, inference_s=0.05)
    assert (plan.rounds, plan.samples) == (30, 20)  # 40 s, whatever rounds_s allows
