"""The gate on simulated rounds, as `benchmarks/gate.py` does with far more of them."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from simulated_rounds import interleaved, recorded_noise

from etbench.stats.verdict import FamilyMember, in_turn_at, judge_family, judge_in_turn

THRESHOLD = 0.05


def test_the_simulated_rounds_are_like_the_recorded_ones() -> None:
    logs = recorded_noise(np.random.default_rng(0), 20, 1_545, step_s=0.2)
    logs -= logs.mean()
    assert logs.std() == pytest.approx(0.14, abs=0.02)
    for lag, recorded in ((1, 0.36), (5, 0.14), (10, 0.11), (20, 0.06), (50, 0.02)):
        assert (logs[:, lag:] * logs[:, :-lag]).mean() / logs.var() == pytest.approx(recorded, abs=0.03)


@pytest.mark.parametrize(
    ("ratio", "blocks", "most", "least"),
    [
        (1.00, 80, {"regression": 0, "undecided": 0.05}, {"passed": 0.95}),
        (1.05, 30, {"regression": 0.025, "passed": 0.04}, {}),
        (1.10, 80, {"passed": 0, "undecided": 0.05}, {"regression": 0.95}),
    ],
)
def test_equal_programs_pass_slow_ones_fail_and_the_limit_itself_is_seldom_either(
    ratio: float, blocks: int, most: dict[str, float], least: dict[str, float]
) -> None:
    pairs = interleaved(np.random.default_rng(0), 300, blocks)
    found = Counter(judge_in_turn(base, ratio * new, threshold=THRESHOLD)[1].decision for base, new in pairs)
    for decision, share in most.items():
        assert found[decision] <= share * len(pairs), found
    for decision, share in least.items():
        assert found[decision] >= share * len(pairs), found


def test_a_sweep_of_28_equal_programs_seldom_raises_an_alarm() -> None:
    random, alarms, alone, sweeps = np.random.default_rng(0), 0, 0, 40
    for _ in range(sweeps):
        medians = interleaved(random, 1, 30, members=2 * 28)[0]
        sides = zip(medians[::2], medians[1::2], strict=True)
        cells = [FamilyMember(in_turn_at(base, new), THRESHOLD) for base, new in sides]
        alarms += any(judged.verdict in ("faster", "slower") for _, judged in judge_family(cells))
        alone += any(judge_family([cell])[0][1].verdict in ("faster", "slower") for cell in cells)
    assert alarms <= 0.05 * sweeps
    assert alone > 0.2 * sweeps, "what the family prevents"
