"""Looks at a comparison: few enough errors in all of them, early enough, and advice that holds."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from simulated_decisions import PASSED, REGRESSION, UNDECIDED, Decided, decided, settled

from etbench.stats.looks import (
    LOOKS,
    Look,
    blocks_needed,
    blocks_to_decide,
    first_look,
    levels_of,
    looks_from,
)
from etbench.stats.paired import paired_ratio
from etbench.stats.verdict import Levels, in_turn_at, judge_in_turn

PAIRS = 400


@cache
def _decided(ratio: float) -> Decided:
    return decided(np.random.default_rng(round(100 * ratio)), ratio, PAIRS, most=160)


@given(st.integers(1, 1_000), st.floats(1, 2_000))
def test_the_shares_of_all_looks_are_the_whole_error(first: int, most: float) -> None:
    looks = looks_from(first, most)
    assert sum(look.share for look in looks) == pytest.approx(1)
    blocks = [look.blocks for look in looks]
    assert blocks[0] == first
    assert blocks == sorted(set(blocks))
    assert all(later <= min(most, LOOKS[-1]) for later in blocks[1:])


@given(st.integers(1, 400), st.integers(1, 100), st.integers(1, 2_000))
def test_the_first_look_can_see_a_regression(planned: int, family: int, most: int) -> None:
    blocks = first_look(planned, family=family, most=most)
    levels = looks_from(blocks, most)[0].levels
    assert blocks >= planned
    clear = [1.0] * blocks, [3.0] * blocks
    assert judge_in_turn(*clear, threshold=0.05, levels=levels, family=family)[1].decision == "regression"


@pytest.mark.parametrize("level", [0.025, 0.01, 0.01 / 28, 1e-6])
def test_fewer_blocks_than_needed_have_no_interval(level: float) -> None:
    blocks = blocks_needed(level)
    bounds = [paired_ratio([1.0] * n, [1.1] * n, confidence=1 - 2 * level).low for n in (blocks - 1, blocks)]
    assert bounds == [0.0, pytest.approx(1.1)]


def test_the_levels_of_a_comparison_are_those_of_its_last_look() -> None:
    looks = [Look(blocks=30, share=0.5), Look(blocks=80, share=0.25)]
    assert levels_of(looks) == Levels(regression=0.0025, passed=0.00625)
    assert levels_of([]) == Levels()


def test_equal_programs_and_clear_differences_are_decided_and_rightly() -> None:
    assert _decided(1.00).share(PASSED) >= 0.98
    assert _decided(1.00).share(REGRESSION) <= 0.005
    assert _decided(1.10).share(REGRESSION) >= 0.98
    assert np.median(_decided(1.10).blocks) <= 80


def test_a_difference_at_the_threshold_is_called_neither_more_often_than_allowed() -> None:
    """At most 1 % and 2.5 %, here of 400."""
    assert _decided(1.05).share(REGRESSION) <= 0.025
    assert _decided(1.05).share(PASSED) <= 0.05
    assert _decided(1.05).share(UNDECIDED) >= 0.90


@pytest.mark.parametrize("family", [1, 28])
def test_the_advised_rounds_settle_it_in_80_of_100(family: int) -> None:
    assert settled(np.random.default_rng(family), 300, first=12, family=family).mean() >= 0.80


def test_more_rounds_are_advised_the_closer_it_is_to_the_threshold_and_none_if_too_close() -> None:
    random = np.random.default_rng(0)
    noise = np.exp(random.normal(0, 0.05, (2, 30)))
    noise[1] /= paired_ratio(*noise).ratio
    advised = [
        blocks_to_decide(in_turn_at(noise[0], noise[1] * ratio), threshold=0.05)
        for ratio in (1.5, 1.10, 1.08, 1.05)
    ]
    assert advised == [first_look(1), *sorted(filter(None, advised[1:3])), None]
    assert blocks_to_decide(in_turn_at([1.0] * 5, [1.1] * 5), threshold=0.05) is None
    assert math.isfinite(advised[1] or math.inf)
