"""From an interval to a word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.stats.separate import DRIFT_BETWEEN_RUNS, separate_ratio
from etbench.stats.stability import assess
from etbench.stats.verdict import FamilyMember, Levels, in_turn_at, judge, judge_family, judge_in_turn


@pytest.mark.parametrize(
    ("interval", "strict", "word"),
    [
        ((1.02, 1.10), (1.01, 1.12), "slower"),
        ((0.90, 0.98), (0.88, 0.99), "faster"),
        ((0.97, 1.03), (0.95, 1.05), "same"),
        ((0.93, 1.04), (0.90, 1.07), "inconclusive"),
        ((1.01, 1.04), (0.99, 1.06), "same"),  # significant alone, not in its family; and small
        ((1.01, 1.20), (0.99, 1.30), "inconclusive"),
        ((0.0, math.inf), (0.0, math.inf), "inconclusive"),
    ],
)
def test_known_verdicts(interval: tuple[float, float], strict: tuple[float, float], word: str) -> None:
    assert judge(interval=interval, strict=strict, threshold=0.05).verdict == word


@pytest.mark.parametrize(
    ("interval", "strict", "decision"),
    [
        ((1.07, 1.15), (1.06, 1.16), "regression"),
        ((1.06, 1.15), (1.04, 1.17), "undecided"),  # slower; whether by more than 5 % is open
        ((1.01, 1.04), (1.005, 1.045), "passed"),  # slower, but within 5 %
        ((0.90, 1.04), (0.88, 1.07), "passed"),  # inconclusive, but not slower by 5 %
        ((0.97, 1.05), (0.96, 1.06), "undecided"),
        ((0.0, math.inf), (0.0, math.inf), "undecided"),
    ],
)
def test_a_decision_needs_the_whole_interval_on_one_side_of_the_threshold(
    interval: tuple[float, float], strict: tuple[float, float], decision: str
) -> None:
    assert judge(interval=interval, strict=strict, threshold=0.05).decision == decision


def test_a_regression_needs_the_bound_of_its_own_family() -> None:
    judged = judge(interval=(1.07, 1.15), strict=(1.06, 1.16), threshold=0.05, alarm_low=1.04)
    assert (judged.verdict, judged.decision, judged.alarm_low) == ("slower", "undecided", 1.04)


def _cells(*factors: float, noise: float = 0.05) -> list[FamilyMember]:
    logs = np.random.default_rng(4).normal(0, noise, (len(factors), 2, 30))
    return [
        FamilyMember(in_turn_at(base, factor * new), 0.05)
        for factor, (base, new) in zip(factors, np.exp(logs), strict=True)
    ]


def test_a_family_divides_its_level_among_the_cells_without_an_alarm() -> None:
    cells = _cells(*[1.5] * 9, 1.0)
    *slow, equal = (judged for _, judged in judge_family(cells))
    assert {judged.decision for judged in slow} == {"regression"}
    ((_, alone),) = judge_family(cells[-1:])
    assert equal == alone, "nothing is left to share the level with"
    (_, of_ten) = judge_family([*cells[-1:], *_cells(*[1.0] * 9)])[0]
    assert of_ten.alarm_low < alone.alarm_low


def test_a_regression_is_always_slower_and_never_passed() -> None:
    for seed in range(20):
        factors = np.random.default_rng(seed).uniform(0.9, 1.3, 8)
        for ratio, judged in judge_family(_cells(*factors, noise=0.03)):
            if judged.decision == "regression":
                assert judged.verdict == "slower"
                assert 1.05 < judged.alarm_low <= ratio.ratio


def test_levels_that_are_spent_in_parts_widen_the_bounds() -> None:
    base, new = np.exp(np.random.default_rng(1).normal(0, 0.05, (2, 40)))
    whole, once = judge_in_turn(base, new, threshold=0.05)
    part, often = judge_in_turn(base, new, threshold=0.05, levels=Levels(regression=0.002, passed=0.005))
    assert part.low < whole.low < whole.high < part.high
    assert often.alarm_low < once.alarm_low
    assert Levels().interval == pytest.approx(0.95)
    assert Levels().strict(28) == pytest.approx(1 - 0.02 / 28)


@given(st.floats(0.5, 2), st.floats(1.001, 1.5), st.floats(0.01, 0.3))
def test_the_verdict_of_the_exchanged_pair_is_the_opposite(
    ratio: float, width: float, threshold: float
) -> None:
    there, back = (ratio / width, ratio * width), (1 / (ratio * width), width / ratio)
    opposite = {"faster": "slower", "slower": "faster", "same": "same", "inconclusive": "inconclusive"}
    one = judge(interval=there, strict=there, threshold=threshold).verdict
    other = judge(interval=back, strict=back, threshold=threshold).verdict
    assert other == opposite[one]


def test_separate_runs_carry_the_drift_of_the_machine() -> None:
    quiet = [[1.0, 1.0, 1.0]] * 30
    ratio = separate_ratio(quiet, [[1.05] * 3] * 30)
    assert ratio is not None
    assert ratio.ratio == pytest.approx(1.05)
    half = 1.96 * DRIFT_BETWEEN_RUNS * math.sqrt(2)
    assert ratio.low == pytest.approx(1.05 * math.exp(-half), rel=1e-3)
    assert separate_ratio(quiet, [[1.0]] * 4) is None


def test_quiet_rounds_are_stable_and_noisy_ones_say_why() -> None:
    random = np.random.default_rng(0)
    quiet = [[float(value)] for value in np.exp(random.normal(0, 0.01, 30))]
    assert assess(quiet).verdict == "stable"
    assert assess(quiet).reasons == []
    busy = assess(quiet, other_cpu_shares=[0.0, 0.5] * 15)
    assert (busy.verdict, busy.reasons) == ("noisy", ["other processes used 25% of the CPUs"])
    stolen = assess(quiet, steal_shares=[0.2] * 30)
    assert stolen.verdict == "unstable"
    assert "hypervisor" in stolen.reasons[0]


def test_a_step_in_the_middle_is_drift() -> None:
    stepped = assess([[1.0]] * 15 + [[1.3]] * 15)
    assert stepped.verdict == "unstable"
    assert stepped.drift == pytest.approx(math.log(1.3))


def test_outlying_rounds_are_marked_and_do_not_move_the_verdict() -> None:
    random = np.random.default_rng(0)
    rounds = [[float(value)] for value in np.exp(random.normal(0, 0.01, 30))]
    rounds[7] = [1.8]
    judged = assess(rounds)
    assert judged.outlying_rounds == [7]
    assert judged.verdict == "stable"


def test_a_single_round_is_unknown() -> None:
    judged = assess([[1.0, 2.0]])
    assert (judged.verdict, judged.between_rounds, judged.drift) == ("unknown", None, None)
    assert judged.reasons == ["1 round is too few to show how much rounds differ"]
