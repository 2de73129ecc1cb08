"""The bounds of a percentile: what they promise, and when the samples are too few for them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tails import MACHINES, judged

from etbench.stats import summarize
from etbench.stats.tails import LEAST_ROUNDS, fewest_samples, tail_bounds


def test_the_largest_of_59_samples_bounds_p95_and_that_of_299_bounds_p99() -> None:
    for quantile, count in ((0.95, 59), (0.99, 299)):
        assert fewest_samples(quantile) == count
        assert 1 - quantile**count >= 0.95 > 1 - quantile ** (count - 1)


@pytest.mark.parametrize("name", MACHINES)
def test_a_bound_that_is_shown_is_above_the_truth_in_95_of_100(name: str) -> None:
    random = np.random.default_rng(1)
    make = MACHINES[name]
    truth = float(np.quantile(make(random, 1_000, 100, 3), 0.95))
    covered, _, shown = judged(make(random, 300, 100, 6), 0.95, truth)
    if name != "drifting, in a row":  # which knows too little for many bounds
        assert shown > 0.9
    assert covered >= 0.93


def test_samples_that_are_alike_within_their_round_count_as_one() -> None:
    random = np.random.default_rng(0)
    rounds = [[level] * 20 for level in random.normal(10, 1, 30)]  # 600 samples, and 30 levels
    assert tail_bounds(rounds, 0.99) is None
    assert tail_bounds(rounds, 0.95) is None
    assert tail_bounds(random.normal(10, 1, (30, 40)), 0.99) is not None


def test_few_rounds_do_not_show_how_much_they_differ() -> None:
    samples = np.random.default_rng(0).normal(10, 1, (LEAST_ROUNDS, 100))
    assert tail_bounds(samples, 0.99) is not None
    assert tail_bounds(samples[:-1], 0.99) is None


@given(st.integers(0, 2**32 - 1))
def test_the_bounds_are_samples_on_either_side_of_the_percentile(seed: int) -> None:
    samples = np.random.default_rng(seed).lognormal(0, 0.2, (40, 10))
    bounds = tail_bounds(samples, 0.95)
    assert bounds is not None
    assert bounds[0] <= np.quantile(samples, 0.95, method="higher")
    assert bounds[1] >= np.quantile(samples, 0.95, method="lower")
    assert set(bounds) <= set(samples.ravel().tolist())


def test_equal_samples_bound_themselves() -> None:
    assert tail_bounds([[2.0] * 20] * 30, 0.99) == (2.0, 2.0)


def test_a_summary_has_the_bounds_that_its_samples_carry() -> None:
    rounds = np.random.default_rng(0).lognormal(0, 0.1, (30, 40)).tolist()
    whole = summarize(rounds)
    assert whole.p95 < whole.p95_bound < whole.p99_bound
    assert summarize([taken[:4] for taken in rounds]).p99_bound is None
    means = summarize(rounds, inferences_per_sample=2)
    assert (means.p95, means.p95_bound, means.p99_bound) == (whole.p95, None, None)
