"""How many rounds of how many samples, and what ends them."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.config import Repeat
from etbench.host.load import MachineLoad
from etbench.measure.protocol import Round, in_turn
from etbench.measure.worker.plan import MIN_ROUNDS, MIN_SAMPLES, Progress, plan_rounds

QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


def _repeat(**changes: object) -> Repeat:
    fields = {"runs": 50, "warmup": 5, "rounds": 30, "rounds_s": 6.0, "spread_s": 0.0, "max_seconds": 60.0}
    return Repeat(**(fields | changes))  # type: ignore[arg-type]


def _round(samples: int, sample_ms: float = 2.0, block: int = 0) -> Round:
    return Round(
        samples_ms=[sample_ms] * samples, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET, block=block
    )


@given(st.integers(1, 10_000), st.integers(1, 1_000), st.floats(0, 100), st.floats(1e-5, 100))
def test_a_plan_takes_at_least_all_runs(runs: int, rounds: int, start_s: float, inference_s: float) -> None:
    repeat = _repeat(runs=runs, rounds=rounds)
    count, samples = plan_rounds(repeat, start_s, inference_s)
    assert count * samples >= runs
    assert min(MIN_ROUNDS, rounds) <= count <= rounds
    assert samples >= min(MIN_SAMPLES, runs)
    if count > min(MIN_ROUNDS, rounds):
        assert count * (start_s + samples * inference_s) <= repeat.rounds_s


def _run(progress: Progress, round_s: float, sample_ms: float) -> int:
    while progress.stopped_by is None:
        progress.add(_round(progress.samples, sample_ms), round_s)
    return len(progress.rounds)


def test_a_quick_cell_gets_all_rounds_and_a_slow_one_five() -> None:
    assert _run(Progress(_repeat(), lambda: None), 0.1, 2.0) == 30
    assert _run(Progress(_repeat(runs=10), lambda: None), 5.0, 1_000.0) == 5


def test_a_very_quick_cell_gets_more_rounds_until_they_are_spread_over_time() -> None:
    progress, begun = Progress(_repeat(spread_s=3.0)), 0.0
    while progress.stopped_by is None:
        taken = msgspec.structs.replace(_round(progress.samples), started_s=begun)
        progress.add(taken, 0.04)
        begun += 0.05  # another cell's round lies between
    assert len(progress.rounds) == 61
    assert (progress.stopped_by, progress.spread_s) == ("rounds", pytest.approx(3.04))


def test_max_seconds_ends_it_once_there_are_three_samples() -> None:
    progress = Progress(_repeat(max_seconds=1.0), lambda: None)
    progress.add(_round(1, 2_000.0), 2.0)
    assert (progress.stopped_by, progress.still_needed) == (None, 2)
    progress.add(_round(2, 2_000.0), 4.0)
    assert (progress.stopped_by, progress.taken) == ("max_seconds", 3)


def test_no_round_begins_whose_warmup_does_not_fit() -> None:
    progress = Progress(_repeat(max_seconds=10.0, rounds_s=100.0))
    assert _run(progress, 3.006, 2.0) == 3  # 3 s before the first sample, and 1 s is left
    assert progress.stopped_by == "max_seconds"


def test_the_base_of_an_adaptive_comparison_is_over_with_its_rounds() -> None:
    progress = Progress(_repeat(target_ci=0.02, rounds=7, rounds_s=100.0))
    assert _run(progress, 0.1, 2.0) == 7
    assert progress.stopped_by == "rounds"


def test_adaptive_goes_on_until_the_interval_is_narrow() -> None:
    widths = iter([0.1, 0.05, 0.019])
    progress = Progress(_repeat(target_ci=0.02), lambda: next(widths))
    assert _run(progress, 0.1, 2.0) == 40  # looked at after 30, 35 and 40 rounds
    assert progress.stopped_by == "target_ci"


def test_adaptive_gives_up_at_max_rounds() -> None:
    progress = Progress(_repeat(target_ci=0.02, max_rounds=33), lambda: 0.1)
    assert _run(progress, 0.1, 2.0) == 33
    assert progress.stopped_by == "max_rounds"


def test_a_tail_plans_all_rounds_with_twice_the_samples_that_bound_it() -> None:
    repeat = _repeat(tail="p99")
    assert plan_rounds(repeat, start_s=0.3, inference_s=0.05) == (30, 20)  # 40 s, whatever rounds_s allows
    assert Progress(repeat).inferences_per_sample == 1


def test_a_tail_goes_on_until_the_samples_bound_it() -> None:
    random = np.random.default_rng(0)

    def run(alike: float) -> Progress:
        progress = Progress(_repeat(tail="p95", max_rounds=80))
        while progress.stopped_by is None:
            level = random.normal(0, alike)
            times = [float(ms) for ms in np.exp(level + random.normal(0, 0.01, progress.samples))]
            progress.add(msgspec.structs.replace(_round(1), samples_ms=times), 0.1)
        return progress

    independent, same_in_a_round = run(0.0), run(1.0)
    assert (len(independent.rounds), independent.stopped_by) == (30, "rounds")
    assert 59 < len(same_in_a_round.rounds) <= 80


def test_a_sample_of_several_inferences_takes_as_long_as_they_do() -> None:
    progress = Progress(_repeat(rounds_s=1.0))
    many = msgspec.structs.replace(_round(3, 0.005), inferences_per_sample=20)
    progress.add(many, 0.05)
    assert progress.inferences_per_sample == 20
    assert (progress.planned, progress.samples) == plan_rounds(progress.repeat, 0.05 - 3e-4, 1e-4)


def test_blocks_that_only_one_has_do_not_pair() -> None:
    base = [_round(3, 1.0, block=0), _round(3, 2.0, block=2), _round(3, 9.0, block=3)]
    new = [_round(3, 5.0, block=2), _round(3, 4.0, block=0)]
    assert in_turn(base, new) == ([1.0, 2.0], [4.0, 5.0])
