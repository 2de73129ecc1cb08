"""What ends the rounds of a program, and of a program and its baseline."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable

import msgspec
import numpy as np
import pytest

from etbench.config import Repeat
from etbench.config.sections import MIN_ROUNDS
from etbench.host.load import MachineLoad
from etbench.measure.protocol import Decide, Done, Round, in_turn
from etbench.measure.worker.progress import Progress
from etbench.measure.worker.team import Team

QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)
Samples = Callable[[int], tuple[float, float]]  # the times of base and new in a block, in ms


def _repeat(**changes: object) -> Repeat:
    fields = {"runs": 50, "warmup": 5, "rounds": 30, "rounds_s": 6.0, "spread_s": 0.0, "max_seconds": 120.0}
    return Repeat(**(fields | changes))  # type: ignore[arg-type]


def _round(samples: int, sample_ms: float = 2.0, block: int = 0, started_s: float = 0.0) -> Round:
    return Round(
        samples_ms=[sample_ms] * samples,
        load_ms=1,
        first_inference_ms=1,
        warmup=1,
        load=QUIET,
        block=block,
        started_s=started_s,
    )


def _alone(repeat: Repeat, round_s: float, sample_ms: float = 2.0, apart_s: float = 0.0) -> Team:
    team = Team([Progress(repeat)])
    while team.stopped_by is None:
        block = len(team.new.rounds)
        team.new.add(_round(team.new.samples, sample_ms, block, block * apart_s), round_s)
        team.take_stock()
    return team


def _pair(
    repeat: Repeat, samples: Samples, *, start_s: float = 0.06, family: int = 1, slower_from: int = 1_000
) -> Team:
    """Measure a program and its baseline, whose samples take these times; later rounds start slower."""
    team = Team([Progress(repeat), Progress(repeat)], Decide(threshold=0.05, family=family))
    block = 0
    while team.stopped_by is None:
        for member, ms in zip(team.members, samples(block), strict=True):
            waited_s = start_s if block >= slower_from else 0.0
            member.add(_round(member.samples, ms, block), start_s + waited_s + member.samples * ms / 1e3)
        team.take_stock()
        block += 1
    return team


def _steady(base_ms: float, new_ms: float) -> Samples:
    return lambda _: (base_ms, new_ms)


def _open(block: int) -> tuple[float, float]:
    """Return times whose ratio is above the threshold in one block and below it in the next."""
    return 2.0, 2.1 * math.exp((0.1 + 0.001 * block) * (1 if block % 2 else -1))


def _blocks(team: Team) -> list[int]:
    return [look.blocks for look in team.looks]


def test_a_quick_cell_gets_all_rounds_and_a_slow_one_five() -> None:
    assert len(_alone(_repeat(), 0.1).new.rounds) == 30
    assert len(_alone(_repeat(runs=10), 5.0, 1_000.0).new.rounds) == MIN_ROUNDS


def test_a_very_quick_cell_gets_more_rounds_until_they_are_spread_over_time() -> None:
    team = _alone(_repeat(spread_s=3.0), 0.04, apart_s=0.05)  # another cell's round lies between
    assert len(team.new.rounds) == 61
    assert (team.stopped_by, team.new.spread_s) == ("rounds", pytest.approx(3.04))


def test_max_seconds_ends_it_once_there_are_three_samples() -> None:
    team = Team([Progress(_repeat(max_seconds=1.0))])
    team.new.add(_round(1, 2_000.0), 2.0)
    team.take_stock()
    assert (team.stopped_by, team.new.still_needed) == (None, 2)
    team.new.add(_round(2, 2_000.0), 4.0)
    team.take_stock()
    assert (team.stopped_by, team.new.taken) == ("max_seconds", 3)


def test_no_round_begins_whose_warmup_does_not_fit() -> None:
    team = _alone(_repeat(max_seconds=10.0, rounds_s=100.0), 3.006)  # 3 s before its samples; 1 s is left
    assert (len(team.new.rounds), team.stopped_by) == (3, "max_seconds")


def test_adaptive_goes_on_until_the_interval_is_narrow(monkeypatch: pytest.MonkeyPatch) -> None:
    widths = iter([0.1, 0.05, 0.019])
    monkeypatch.setattr(Team, "_half_width", lambda _: next(widths))
    team = _alone(_repeat(target_ci=0.02), 0.1)
    assert (len(team.new.rounds), team.stopped_by) == (40, "target_ci")  # looked at after 30, 35 and 40


def test_adaptive_gives_up_at_max_rounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Team, "_half_width", lambda _: 0.1)
    team = _alone(_repeat(target_ci=0.02, max_rounds=33), 0.1)
    assert (len(team.new.rounds), team.stopped_by) == (33, "max_rounds")


@pytest.mark.parametrize("new_ms", [2.0, 3.0], ids=["passed", "regression"])
def test_a_clear_comparison_ends_at_its_first_look(new_ms: float) -> None:
    team = _pair(_repeat(), _steady(2.0, new_ms))
    assert (team.stopped_by, _blocks(team)) == ("decided", [30])
    assert [len(member.rounds) for member in team.members] == [30, 30]


def test_an_open_comparison_goes_on_to_the_last_look_and_stays_undecided() -> None:
    team = _pair(_repeat(), _open)
    assert (team.stopped_by, _blocks(team)) == ("rounds", [30, 80, 160, 320])
    assert sum(look.share for look in team.looks) == pytest.approx(1)
    assert {member.stopped_by for member in team.members} == {"rounds"}


def test_a_comparison_that_becomes_clear_ends_at_the_next_look() -> None:
    team = _pair(_repeat(), lambda block: _open(block) if block < 30 else (2.0, 2.0))
    assert team.stopped_by == "decided"
    assert 30 < _blocks(team)[-1] < 320


def test_a_slow_regression_of_three_times_is_decided_within_max_seconds() -> None:
    team = _pair(_repeat(runs=10), _steady(221.0, 663.0), start_s=1.5)
    assert team.stopped_by == "decided"
    assert sum(member.spent_s for member in team.members) < 120


def test_both_programs_have_the_same_samples_in_each_round() -> None:
    team = _pair(_repeat(), _steady(50.0, 200.0), start_s=0.5)
    counts = [[len(round_.samples_ms) for round_ in member.rounds[1:]] for member in team.members]
    assert counts[0] == counts[1]


def test_max_seconds_holds_for_a_program_and_its_baseline_together() -> None:
    team = _pair(_repeat(max_seconds=20.0), _open, start_s=0.1)
    assert team.stopped_by == "rounds"
    assert 0.8 * 20.0 < sum(member.spent_s for member in team.members) <= 20.0


def test_a_comparison_that_is_cut_short_is_looked_at_with_all_that_is_left() -> None:
    team = _pair(_repeat(max_seconds=20.0), _open, start_s=0.1, slower_from=20)
    assert (team.stopped_by, _blocks(team)) == ("max_seconds", [30, len(team.new.rounds)])
    assert 30 < len(team.new.rounds) < 80
    assert sum(look.share for look in team.looks) == pytest.approx(1)
    stopped = Team(team.members, team.question)
    stopped.looks = team.looks[:1]
    for member in stopped.members:
        del member.rounds[stopped.looks[0].blocks :]
    stopped.stop("decide_max_s")  # no block since the last look
    assert [(look.blocks, look.share) for look in stopped.looks] == [(stopped.looks[0].blocks, 1)]


def test_the_rounds_after_the_first_look_are_the_extension() -> None:
    assert _pair(_repeat(), _steady(2.0, 2.0)).extension_s == 0
    team = _pair(_repeat(), _open)
    later = (seconds for member in team.members for seconds in member.seconds[30:])
    assert team.extension_s == pytest.approx(sum(later))


def _done(rounds: Iterable[Round], seconds: Iterable[float]) -> list[Done]:
    return [Done(round=round_, seconds=spent) for round_, spent in zip(rounds, seconds, strict=True)]


def test_another_process_goes_on_with_the_same_looks() -> None:
    whole = _pair(_repeat(), _open)
    done = [_done(member.rounds, member.seconds) for member in whole.members]
    again = Team([Progress(_repeat()), Progress(_repeat())], whole.question)
    again.restore([done[0][:100], done[1][:99]])  # lost in the middle of a block
    assert (again.stopped_by, _blocks(again), again.new.planned) == (None, [30, 80], 160)
    complete = Team([Progress(_repeat()), Progress(_repeat())], whole.question)
    complete.restore(done)
    assert (complete.stopped_by, complete.looks) == (whole.stopped_by, whole.looks)


def test_blocks_that_only_one_has_do_not_pair() -> None:
    base = [_round(3, 1.0, block=0), _round(3, 2.0, block=2), _round(3, 9.0, block=3)]
    new = [_round(3, 5.0, block=2), _round(3, 4.0, block=0)]
    assert in_turn(base, new) == ([1.0, 2.0], [4.0, 5.0])


def test_a_tail_goes_on_until_the_samples_bound_it() -> None:
    random = np.random.default_rng(0)

    def run(alike: float) -> Team:
        team = Team([Progress(_repeat(tail="p95", max_rounds=80))])
        while team.stopped_by is None:
            level = random.normal(0, alike)
            times = [float(ms) for ms in np.exp(level + random.normal(0, 0.01, team.new.samples))]
            taken = msgspec.structs.replace(_round(1, block=len(team.new.rounds)), samples_ms=times)
            team.new.add(taken, 0.1)
            team.take_stock()
        return team

    independent, same_in_a_round = run(0.0), run(1.0)
    assert (len(independent.new.rounds), independent.stopped_by) == (30, "rounds")
    assert 59 < len(same_in_a_round.new.rounds) <= 80
    assert independent.new.inferences_per_sample == 1


def test_a_sample_of_several_inferences_takes_as_long_as_they_do() -> None:
    progress = Progress(_repeat(rounds_s=1.0))
    progress.add(msgspec.structs.replace(_round(3, 0.005), inferences_per_sample=20), 0.05)
    assert progress.inferences_per_sample == 20
    assert progress.inference_s == pytest.approx(1e-4)
    assert progress.start_s == pytest.approx(0.05 - 3e-4)
