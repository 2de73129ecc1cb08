"""Two programs in turn: exact, robust against drift and outliers, and invariant where it must be."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.stats.paired import (
    EXACT_UP_TO,
    _signed_rank_law,
    _walsh_skipped,
    paired_difference,
    paired_ratio,
)

positive = st.floats(0.1, 1e3)
blocks = st.lists(st.tuples(positive, positive), min_size=6, max_size=40)


def test_known_answer() -> None:
    base = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    ratio = paired_ratio(base, [value * 1.1 for value in base])
    assert ratio.ratio == pytest.approx(1.1)
    assert (ratio.low, ratio.high) == (pytest.approx(1.1), pytest.approx(1.1))
    assert ratio.blocks == 6


@pytest.mark.parametrize("count", [1, 2, 5, 8])
def test_the_law_of_the_signed_rank_is_that_of_all_signs(count: int) -> None:
    sums = [
        sum(rank for rank, sign in zip(range(1, count + 1), signs, strict=True) if sign)
        for signs in itertools.product((0, 1), repeat=count)
    ]
    counts = np.bincount(sums, minlength=count * (count + 1) // 2 + 1)
    assert _signed_rank_law(count) == pytest.approx(counts / 2**count)


def test_tabulated_critical_values() -> None:
    """Two-sided 5 %: the largest sums that reject, from the usual tables, plus one."""
    assert [_walsh_skipped(count, 0.05) for count in (5, 6, 10, 20, 25)] == [-1, 0, 8, 52, 89]


def test_the_normal_approximation_joins_the_exact_law() -> None:
    step = _walsh_skipped(EXACT_UP_TO + 1, 0.05) - _walsh_skipped(EXACT_UP_TO, 0.05)
    before = _walsh_skipped(EXACT_UP_TO, 0.05) - _walsh_skipped(EXACT_UP_TO - 1, 0.05)
    assert abs(step - before) <= 2


def test_too_few_blocks_have_no_bounds() -> None:
    ratio = paired_ratio([1.0] * 5, [1.1, 1.2, 1.3, 1.1, 1.2])
    assert (ratio.low, ratio.high, ratio.half_width) == (0.0, math.inf, None)


def test_a_difference_may_be_of_times_that_are_zero() -> None:
    new = [1.0, 1.1, 1.2, 0.9, 1.0, 1.05]
    found = paired_difference([0.0] * 6, new)
    assert (found.low, found.high) == (0.9, 1.2)
    assert found.excludes_zero
    assert not paired_difference(new, new).excludes_zero
    assert not paired_difference([0.0] * 5, new[:5]).excludes_zero, "too few for a bound"
    with pytest.raises(ValueError, match="not pairs"):
        paired_difference([1.0], new)


def test_blocks_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match="2 baseline rounds and 1 new rounds"):
        paired_ratio([1.0, 2.0], [1.0])
    with pytest.raises(ValueError, match="0 baseline rounds"):
        paired_ratio([], [])


def test_false_alarms_stay_at_5_of_100_under_drift_outliers_and_an_effect_of_the_order() -> None:
    random = np.random.default_rng(0)
    alarms, trials = 0, 2_000
    for _ in range(trials):
        drift = np.cumsum(random.normal(0, 0.05, 30))
        seconds = random.random(30) < 0.5  # the base comes second in these blocks
        pair = random.normal(0, 0.05, (2, 30)) + (random.random((2, 30)) < 1 / 12) * 0.5 + drift
        pair[1] += 0.04  # whoever comes second is slower
        base, new = np.where(seconds, pair[1], pair[0]), np.where(seconds, pair[0], pair[1])
        ratio = paired_ratio(np.exp(base), np.exp(new))
        alarms += not ratio.low <= 1 <= ratio.high
    assert 0.03 <= alarms / trials <= 0.06


def test_a_true_difference_is_found_and_covered() -> None:
    random = np.random.default_rng(1)
    found, covered, trials = 0, 0, 500
    for _ in range(trials):
        noise = random.normal(0, 0.05, (2, 30)) + (random.random((2, 30)) < 1 / 12) * 0.5
        ratio = paired_ratio(np.exp(noise[0]), 1.1 * np.exp(noise[1]))
        found += ratio.low > 1
        covered += ratio.low <= 1.1 <= ratio.high
    assert found / trials > 0.90
    assert 0.92 <= covered / trials <= 0.98


@given(blocks)
def test_exchanging_the_two_turns_the_ratio_round(pairs: list[tuple[float, float]]) -> None:
    base, new = zip(*pairs, strict=True)
    there, back = paired_ratio(base, new), paired_ratio(new, base)
    assert there.ratio == pytest.approx(1 / back.ratio)
    assert there.low == pytest.approx(1 / back.high)


@given(blocks, positive, st.randoms())
def test_units_and_the_order_of_blocks_do_not_matter(
    pairs: list[tuple[float, float]], factor: float, random
) -> None:
    shuffled = [(base * factor, new * factor) for base, new in pairs]
    random.shuffle(shuffled)
    one = paired_ratio(*zip(*pairs, strict=True))
    other = paired_ratio(*zip(*shuffled, strict=True))
    assert other.ratio == pytest.approx(one.ratio)
    assert other.high == pytest.approx(one.high)


@given(blocks)
def test_the_ratio_lies_within_its_interval_and_a_wider_one_holds_a_narrower(
    pairs: list[tuple[float, float]],
) -> None:
    base, new = zip(*pairs, strict=True)
    narrow, wide = paired_ratio(base, new, confidence=0.8), paired_ratio(base, new, confidence=0.99)
    for ratio in (narrow, wide):
        assert ratio.low <= ratio.ratio * (1 + 1e-12)
        assert ratio.high >= ratio.ratio * (1 - 1e-12)
    assert wide.low <= narrow.low
    assert wide.high >= narrow.high


def test_more_blocks_than_pairs_can_be_made_of_are_averaged() -> None:
    logs = np.random.default_rng(0).normal(math.log(1.1), 0.2, 50_000)
    ratio = paired_ratio([1.0] * len(logs), np.exp(logs).tolist())
    assert ratio.blocks == 50_000
    assert ratio.low < 1.1 < ratio.high
    assert ratio.ratio == pytest.approx(1.1, rel=0.005)
    assert ratio.high / ratio.low == pytest.approx(math.exp(2 * 1.96 * 0.2 / math.sqrt(50_000)), rel=0.001)
