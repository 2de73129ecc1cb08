"""When a warmup is complete, and how many inferences make a sample."""

from __future__ import annotations

import numpy as np
import pytest

from etbench.measure.passes.rounds import MAX_STABLE_WARMUP, WINDOW, _inferences_per_sample, _warm


class Repeated:
    """Work whose steps are all alike, or not."""

    def __init__(self, repeats: bool) -> None:
        self.repeats = repeats


def _stopped_at(times_ms: np.ndarray) -> int:
    return next(count for count in range(1, len(times_ms)) if _warm(times_ms[:count].tolist(), "stable"))


@pytest.mark.parametrize("decay", [3, 10, 30], ids="over {} inferences".format)
def test_a_stable_warmup_ends_near_the_settled_time_under_2_percent_noise(decay: int) -> None:
    random = np.random.default_rng(0)
    slower = 0.5 * np.exp(-np.arange(MAX_STABLE_WARMUP + 1) / decay)
    left = []
    for _ in range(100):
        times = (1 + slower) * np.exp(random.normal(0, 0.02, len(slower)))
        left.append(slower[_stopped_at(times)])
    assert np.median(left) < 0.04
    assert np.quantile(left, 0.95) < 0.06


def test_a_single_slow_inference_neither_ends_nor_prolongs_it() -> None:
    falling = np.linspace(2.0, 1.0, 4 * WINDOW)
    falling[15] = 9.0
    assert not _warm(falling.tolist(), "stable")
    settled = [1.0] * 2 * WINDOW
    settled[3] = 9.0
    assert _warm(settled, "stable")


def test_it_ends_in_any_case() -> None:
    assert _stopped_at(np.linspace(2.0, 1.0, MAX_STABLE_WARMUP + 1)) == MAX_STABLE_WARMUP


@pytest.mark.parametrize(
    ("inference_ms", "repeats", "count"),
    [(5.0, True, 1), (0.1, True, 1), (0.05, True, 2), (0.005, True, 20), (0.005, False, 1)],
)
def test_a_sample_is_as_many_inferences_as_take_a_tenth_of_a_ms(
    inference_ms: float, repeats: bool, count: int
) -> None:
    warming_ms = [3.0, *[inference_ms] * 30]
    assert _inferences_per_sample(warming_ms, Repeated(repeats)) == count
