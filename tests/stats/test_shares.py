"""Shares of items, and two programs on the same items, against published values and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from etbench.stats.shares import compare_shares, exact_mcnemar, items_to_decide, share_interval, smallest_loss

Answers = tuple[np.ndarray, np.ndarray]


def _answers(lost: int, won: int, items: int) -> Answers:
    """Two programs of which the second loses and wins so many items."""
    first, second = np.ones(items, bool), np.ones(items, bool)
    second[:lost] = False
    first[lost : lost + won] = False
    return first, second


@pytest.mark.parametrize(
    ("right", "items", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_the_interval_of_a_share_has_the_published_bounds(
    right: int, items: int, low: float, high: float
) -> None:
    """Newcombe, Statistics in Medicine 17 (1998) 857, table I, method 3."""
    assert share_interval(right, items) == pytest.approx((low, high), abs=5e-5)
    mirrored = share_interval(items - right, items)
    assert mirrored == pytest.approx((1 - high, 1 - low), abs=5e-5)


def test_mcnemars_test_is_the_exact_one() -> None:
    for lost, won in ((8, 2), (2, 8), (133, 0), (3, 3), (0, 1), (40, 21)):
        assert exact_mcnemar(lost, won) == pytest.approx(binomtest(lost, lost + won).pvalue, rel=1e-9)
    assert exact_mcnemar(0, 0) == 1.0


@pytest.mark.parametrize(
    ("lost", "won", "verdict", "keeps_a_point"),
    [
        (8, 2, "undecided", False),
        (133, 0, "worse", False),
        (0, 9, "better", True),
        (6, 0, "worse", False),
        (5, 0, "undecided", False),
        (0, 0, "undecided", True),
        (1, 1, "undecided", True),
    ],
)
def test_a_verdict_is_earned_by_the_items_that_differ(
    lost: int, won: int, verdict: str, keeps_a_point: bool
) -> None:
    found = compare_shares(*_answers(lost, won, 897))
    assert (found.lost, found.won, found.change) == (lost, won, (won - lost) / 897)
    assert found.verdict == verdict
    assert found.keeps(0.01) is keeps_a_point
    assert found.smallest_loss == -6 / 897


def test_equal_answers_to_few_items_do_not_show_that_nothing_is_lost() -> None:
    few, many = compare_shares(*_answers(0, 0, 5)), compare_shares(*_answers(0, 0, 5_000))
    assert (few.low, few.high) == pytest.approx((-0.434, 0.434), abs=1e-3)  # z² / (items + z²)
    assert few.smallest_loss is None
    assert not few.keeps(0.05)
    assert many.keeps(0.001)


@given(items=st.integers(1, 400), confidence=st.sampled_from([0.9, 0.95, 0.99, 0.999]))
def test_the_smallest_loss_is_the_least_that_is_significant(items: int, confidence: float) -> None:
    significant = [lost for lost in range(1, items + 1) if exact_mcnemar(lost, 0) <= 1 - confidence]
    expected = -significant[0] / items if significant else None
    assert smallest_loss(items, confidence=confidence) == expected


@given(lost=st.integers(0, 30), won=st.integers(0, 30), more=st.integers(0, 300))
def test_the_interval_contains_the_change_and_turns_with_the_sides(lost: int, won: int, more: int) -> None:
    if not lost + won + more:
        return
    there, back = (compare_shares(*_answers(*pair, lost + won + more)) for pair in ((lost, won), (won, lost)))
    assert -1 <= there.low <= there.change <= there.high <= 1
    assert there.low < there.high
    assert (there.low, there.high) == pytest.approx((-back.high, -back.low), abs=1e-9)
    assert there.p_value == back.p_value


def test_the_interval_is_that_of_a_paired_bootstrap_where_many_items_differ() -> None:
    found = compare_shares(*_answers(150, 86, 1600))
    drawn = np.random.default_rng(0).multinomial(1600, [150 / 1600, 86 / 1600, 1364 / 1600], size=50_000)
    low, high = np.quantile((drawn[:, 1] - drawn[:, 0]) / 1600, [0.025, 0.975])
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def test_simulated_programs_are_called_different_as_rarely_as_promised() -> None:
    """The interval holds the true change in 95 %; the test is wrong about equal programs in at most 5 %."""
    random = np.random.default_rng(1)
    covered, wrong, count = 0, 0, 400
    for lost, won, _ in random.multinomial(300, [0.05, 0.02, 0.93], size=count):
        found = compare_shares(*_answers(int(lost), int(won), 300))
        covered += found.low <= -0.03 <= found.high
    for lost, won, _ in random.multinomial(300, [0.03, 0.03, 0.94], size=count):
        wrong += compare_shares(*_answers(int(lost), int(won), 300)).verdict != "undecided"
    within = 3 * math.sqrt(0.95 * 0.05 / count)  # three standard errors
    assert covered / count == pytest.approx(0.95, abs=within)
    assert wrong / count <= 0.05 + within


def test_other_numbers_of_items_are_refused() -> None:
    for first, second in ((2, 3), (0, 0)):
        with pytest.raises(ValueError, match=f"{first} and {second} items"):
            compare_shares(np.ones(first, bool), np.ones(second, bool))


@pytest.mark.parametrize("limit", [-0.01, -0.004], ids=["shown to be above", "shown to be below"])
def test_so_many_items_of_the_same_kind_decide_on_which_side_of_a_limit_a_change_is(limit: float) -> None:
    first, second = np.ones(900, bool), np.ones(900, bool)
    first[:2], second[2:10] = False, False
    found = compare_shares(first, second)
    assert found.low < limit < found.high
    needed = items_to_decide(900, found.change, found.low, found.high, limit)
    times = 1 + needed / 900
    enough = compare_shares(np.tile(first, round(1.1 * times)), np.tile(second, round(1.1 * times)))
    too_few = compare_shares(np.tile(first, round(0.6 * times)), np.tile(second, round(0.6 * times)))
    assert not enough.low < limit < enough.high
    assert too_few.low < limit < too_few.high


def test_no_number_of_items_decides_for_a_change_at_the_limit() -> None:
    assert items_to_decide(900, -0.01, -0.02, 0.0, -0.01) == math.inf
