"""From an interval to a word."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.stats.interval import location_interval
from etbench.stats.separate import DRIFT_BETWEEN_RUNS, separate_ratio
from etbench.stats.stability import assess
from etbench.stats.verdict import judge


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
    ratio = 1.05 if interval[0] == 0 else math.sqrt(interval[0] * interval[1])
    assert judge(ratio, interval=interval, strict=strict, threshold=0.05).verdict == word


def test_what_is_inconclusive_says_how_many_times_the_rounds() -> None:
    wide = (0.9, 1 / 0.9)
    judgement = judge(1.0, interval=wide, strict=wide, threshold=0.05)
    assert judgement.times_more == pytest.approx((math.log(0.9) / math.log(1.05)) ** 2)
    assert judge(1.0, interval=(0.0, math.inf), strict=(0.0, math.inf), threshold=0.05).times_more is None


@given(st.floats(0.5, 2), st.floats(1.001, 1.5), st.floats(0.01, 0.3))
def test_the_verdict_of_the_exchanged_pair_is_the_opposite(
    ratio: float, width: float, threshold: float
) -> None:
    there, back = (ratio / width, ratio * width), (1 / (ratio * width), width / ratio)
    opposite = {"faster": "slower", "slower": "faster", "same": "same", "inconclusive": "inconclusive"}
    one = judge(ratio, interval=there, strict=there, threshold=threshold).verdict
    other = judge(1 / ratio, interval=back, strict=back, threshold=threshold).verdict
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
    wide = [[float(value)] for value in np.exp(random.normal(0, 0.15, 30))]
    level = f"the level is known to ±{location_interval(wide).half_width:.1%}"
    assert assess(wide).reasons == [level]
    busy = assess(wide, other_cpu_shares=[0.0, 0.5] * 15, steal_shares=[0.2] * 30)
    assert busy.verdict in ("noisy", "unstable")
    assert busy.reasons == [
        *(level, "other processes used 25% of the CPUs", "the hypervisor took 20.0% of the CPUs")
    ]


def test_other_work_that_leaves_the_level_narrow_touches_the_tail_alone() -> None:
    random = np.random.default_rng(0)
    quiet = [[float(value)] for value in np.exp(random.normal(0, 0.01, 30))]
    busy = {"other_cpu_shares": [0.0, 0.5] * 15}
    judged = assess(quiet, **busy, has_tail=True)
    assert (judged.verdict, judged.reasons) == ("stable", [])
    assert judged.tail == ["other processes used 25% of the CPUs"]
    assert assess(quiet, **busy).tail == [], "a tail that is not shown needs no word"


def test_a_step_in_the_middle_is_drift() -> None:
    stepped = assess([[1.0]] * 15 + [[1.3]] * 15)
    assert stepped.verdict == "unstable"
    assert "the second half of the rounds differs from the first by 26.2%" in stepped.reasons
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
