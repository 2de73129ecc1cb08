"""The summary of samples."""

from __future__ import annotations

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.stats import summarize

samples_ms = st.lists(st.floats(1e-3, 1e6), min_size=1, max_size=60)


def test_known_answer() -> None:
    latency = summarize([[1.0, 2.0], [3.0, 4.0, 10.0]])
    assert (latency.avg, latency.min, latency.max, latency.p50) == (4.0, 1.0, 10.0, 3.0)
    assert latency.p95 == pytest.approx(8.8)  # linear between the order statistics 4 and 10
    assert latency.std_dev == pytest.approx(statistics.stdev([1, 2, 3, 4, 10]))


def test_one_sample_has_no_spread_and_none_is_an_error() -> None:
    assert summarize([[5.0]]).std_dev == 0.0
    with pytest.raises(ValueError, match="no samples"):
        summarize([[], []])


@given(samples_ms)
def test_figures_are_ordered(samples: list[float]) -> None:
    latency = summarize([samples])
    tolerance = 1e-9 * latency.max
    assert latency.min <= latency.p50 + tolerance
    assert latency.p50 <= latency.p95 + tolerance
    assert latency.p95 <= latency.p99 + tolerance
    assert latency.p99 <= latency.max + tolerance
    assert latency.min <= latency.avg <= latency.max


@given(samples_ms, st.integers(0, 60))
def test_pooled_figures_do_not_depend_on_how_rounds_are_cut(samples: list[float], cut: int) -> None:
    one, two = summarize([samples[:cut], samples[cut:]]), summarize([samples])
    for name in ("avg", "min", "max", "std_dev", "p50", "p95", "p99"):
        assert getattr(one, name) == getattr(two, name)


def test_the_location_gives_each_round_one_vote() -> None:
    latency = summarize([[1.0] * 100, [2.0], [3.0]])
    assert (latency.p50, latency.location) == (1.0, 2.0)
    assert latency.p50_ci95_low is None
    wide = summarize([[1.0, 9.0], [2.0], [3.0], [4.0], [7.0]])
    assert wide.p50_ci95_low < wide.location == 4.0 < wide.p50_ci95_high
