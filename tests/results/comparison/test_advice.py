"""What settles an undecided comparison: the rounds, and every override that they need."""

from __future__ import annotations

import re

import numpy as np
import pytest
from made_results import MakeResult

from etbench.results.comparison.advice import rounds_advice
from etbench.results.schema import Result
from etbench.stats.paired import paired_ratio
from etbench.stats.verdict import in_turn_at

REPEAT = {"runs": 10, "rounds": 30, "rounds_s": 6, "max_seconds": 120, "max_rounds": 1_000}


def _advice(result: Result, ratio: float, *, family: int = 1, blocks: int = 30) -> str:
    noise = np.exp(np.random.default_rng(0).normal(0, 0.05, (2, blocks)))
    new_ms = noise[1] * ratio / (paired_ratio(*noise).ratio)
    return rounds_advice(result, in_turn_at(noise[0], new_ms), threshold=0.05, family=family)


def _result(make_result: MakeResult, *, round_s: float = 0.06, **repeat: object) -> Result:
    rounds = [[2.0] * 3] * 30
    return make_result(rounds=rounds, stage_s={"time": 30 * round_s}, config={"repeat": REPEAT | repeat})


def test_a_quick_cell_needs_more_rounds_in_more_time(make_result: MakeResult) -> None:
    advice = _advice(_result(make_result), 1.08)
    rounds = int(re.findall(r"about (\d+) rounds would settle it", advice)[0])
    assert 80 <= rounds <= 1_000
    assert f"repeat.rounds={rounds} repeat.rounds_s=" in advice
    assert "max_seconds" not in advice


def test_a_slow_cell_needs_a_longer_limit_too(make_result: MakeResult) -> None:
    slow = _result(make_result, round_s=2.0)
    overrides = dict(re.findall(r"repeat\.(\w+)=(\d+)", _advice(slow, 1.08)))
    assert set(overrides) == {"rounds", "rounds_s", "max_seconds"}
    two_s = 2.0 * (1 + 1 / 1.08)  # a round of each
    assert int(overrides["max_seconds"]) > int(overrides["rounds"]) * two_s
    assert 2 * int(overrides["rounds_s"]) == pytest.approx(int(overrides["max_seconds"]), abs=1)


def test_a_low_limit_of_rounds_is_named(make_result: MakeResult) -> None:
    assert "repeat.max_rounds=" in _advice(_result(make_result, max_rounds=50), 1.08)


def test_what_is_too_close_to_the_threshold_promises_nothing(make_result: MakeResult) -> None:
    advice = _advice(_result(make_result), 1.05)
    assert advice == "the difference is too close to 5 % to be settled by 1,000 rounds"


@pytest.mark.parametrize(("family", "needed"), [(1, 7), (28, 12)])
def test_too_few_rounds_are_told_how_many_a_regression_needs(
    family: int, needed: int, make_result: MakeResult
) -> None:
    slow = _result(make_result, round_s=20.0)
    advice = _advice(slow, 3.0, family=family, blocks=5)
    assert advice.startswith(f"too few rounds for an interval: it needs at least {needed}: repeat.rounds_s=")
    assert "repeat.max_seconds=" in advice
