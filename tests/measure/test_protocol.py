"""How the samples are spread over the rounds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.config import Repeat
from etbench.measure.protocol import MIN_SAMPLES, plan_rounds, samples_needed, seconds_text


def _repeat(runs: int, rounds: int) -> Repeat:
    return Repeat(runs=runs, warmup=1, rounds=rounds, max_seconds=60)


@pytest.mark.parametrize(
    ("runs", "rounds", "plan"),
    [(50, 5, [10] * 5), (10, 5, [4, 3, 3]), (10, 1, [10]), (2, 5, [2]), (1, 1, [1]), (7, 3, [4, 3])],
)
def test_known_plans(runs: int, rounds: int, plan: list[int]) -> None:
    assert plan_rounds(_repeat(runs, rounds)) == plan


@given(st.integers(1, 10_000), st.integers(1, 1_000))
def test_a_plan_takes_all_runs_in_even_rounds_worth_a_process(runs: int, rounds: int) -> None:
    plan = plan_rounds(_repeat(runs, rounds))
    assert sum(plan) == runs
    assert 1 <= len(plan) <= rounds
    assert max(plan) - min(plan) <= 1
    assert min(plan) >= min(MIN_SAMPLES, runs)


@pytest.mark.parametrize(("taken", "planned", "needed"), [(0, 10, 3), (2, 10, 1), (3, 10, 0), (0, 2, 2)])
def test_three_samples_are_taken_however_slow(taken: int, planned: int, needed: int) -> None:
    assert samples_needed(taken, planned) == needed


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0042, "4.2 ms"), (1.34, "1.3 s"), (42.6, "43 s"), (118, "118 s"), (700, "11 min 40 s")],
)
def test_durations_have_the_precision_a_reader_wants(seconds: float, text: str) -> None:
    assert seconds_text(seconds) == text
