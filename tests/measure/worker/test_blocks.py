"""Programs measured in turn by a real measuring process."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest
from running import CONF, TESTS

from etbench.builder import build
from etbench.config import Cell
from etbench.config.devices import HostDevice
from etbench.devices import place
from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.measure import Decide, Round, Series, Subject, measure, measure_series
from etbench.measure.worker.team import CHECK_EVERY
from etbench.preflight.compose import compose
from etbench.stats.interval import location_interval


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> tuple[Cell, Subject]:
    """A cell whose program is built, and how it is measured."""
    folder = tmp_path_factory.mktemp("tiny")
    cell = compose(["model=tiny", "delegate=portable"], config_dir=CONF)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS))
        build(cell.recipe, folder, log=folder / "log", on_event=lambda _: None)
    log = str(folder / "log")
    # All rounds, however busy the machine, and no more, however quick it is.
    patient = msgspec.structs.replace(cell.repeat, rounds_s=600.0, spread_s=0.0)
    return cell, Subject(folder=str(folder), repeat=patient, threads=1, logits_axis=None, log=log)


def _measure(
    cell: Cell,
    *subjects: Subject,
    together: bool = False,
    decide_max_s: float | None = None,
    **how: object,
) -> list[Series]:
    folder = Path(subjects[0].folder)
    if together:
        subjects = (subjects[0], msgspec.structs.replace(subjects[1], base=0))
    changed = msgspec.structs.replace(cell.measure, **how)
    log = folder / "log"
    place_for = partial(place, HostDevice(), scratch=folder, log=log)
    return measure_series(subjects, changed, place_for=place_for, log=log, decide_max_s=decide_max_s)


def _repeating(subject: Subject, **changes: object) -> Subject:
    return msgspec.structs.replace(subject, repeat=msgspec.structs.replace(subject.repeat, **changes))


def _first_of_each_block(one: Series, two: Series) -> list[bool]:
    pairs = zip(one.rounds, two.rounds, strict=True)
    assert all(a.block == b.block for a, b in zip(one.rounds, two.rounds, strict=True))
    return [a.started_s < b.started_s for a, b in pairs]


def test_each_block_times_every_program_in_an_order_that_the_next_one_reverses(
    tiny: tuple[Cell, Subject],
) -> None:
    cell, subject = tiny
    one, two = _measure(cell, subject, subject, together=True)
    assert [round_.block for round_ in one.rounds] == list(range(30))
    first = _first_of_each_block(one, two)
    assert [not was_first for was_first in first[::2]] == first[1::2]
    assert len(set(first[::2])) == 2, "the order is always the same"


def test_a_seed_fixes_the_order(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    orders = [
        _first_of_each_block(*_measure(cell, subject, subject, together=True, seed=seed))
        for seed in (1, 1, 2)
    ]
    assert orders[0] == orders[1] != orders[2]


def test_rounds_are_alike_and_say_what_they_did(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    (series,) = _measure(cell, _repeating(subject, runs=100, warmup=4))
    assert series.stopped_by == "rounds"
    assert len(series.rounds) == 30
    for round_ in series.rounds:
        assert len(round_.samples_ms) == 4
        assert round_.warmup >= 4  # and for 10 ms, which take many inferences of this model
        assert round_.inferences_per_sample == series.rounds[0].inferences_per_sample >= 1
        assert min(round_.samples_ms) > 0
        assert round_.load_ms > 0
        assert round_.load.other_cpu_share is None or 0 <= round_.load.other_cpu_share <= 1


def test_warmup_until_stable_ends(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    (series,) = _measure(cell, _repeating(subject, warmup="stable", rounds=5))
    assert all(round_.warmup >= 20 for round_ in series.rounds)


def test_adaptive_stops_when_the_interval_is_narrow_enough(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    (series,) = _measure(cell, _repeating(subject, target_ci=0.9, max_rounds=1000))
    assert series.stopped_by == "target_ci"
    looks = range(30, len(series.rounds) + 1, CHECK_EVERY)
    samples = [round_.samples_ms for round_ in series.rounds]
    narrow = [location_interval(samples[:count]).half_width <= 0.9 for count in looks]
    assert narrow == [False] * (len(looks) - 1) + [True], (
        "at the first look where it is, however noisy the machine"
    )
    assert looks[-1] == len(series.rounds)


def test_adaptive_in_turn_goes_by_the_ratio_and_stops_all_together(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    adaptive = _repeating(subject, target_ci=1e-6, max_rounds=40)
    one, two = _measure(cell, adaptive, adaptive, together=True)
    assert (one.stopped_by, two.stopped_by) == ("max_rounds", "max_rounds")
    assert len(one.rounds) == len(two.rounds) == 40


def test_a_comparison_ends_when_the_time_of_both_together_is_up(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    short = _repeating(subject, warmup=4, rounds=1000, max_seconds=1.0, rounds_s=600.0)
    one, two = _measure(cell, short, short, together=True)
    assert (one.stopped_by, two.stopped_by) == ("max_seconds", "max_seconds")
    assert {round_.block for round_ in one.rounds} == {round_.block for round_ in two.rounds}


def test_a_comparison_goes_on_until_it_is_decided_or_the_extension_is_over(
    tiny: tuple[Cell, Subject],
) -> None:
    cell, subject = tiny
    short = _repeating(subject, rounds=10)
    clear, never = (
        msgspec.structs.replace(short, decide=Decide(threshold=threshold, family=1))
        for threshold in (1e6, 1e-12)
    )
    ended = _measure(cell, clear, clear, together=True)
    assert [series.stopped_by for series in ended] == ["decided", "decided"]
    assert [[look.blocks for look in series.looks] for series in ended] == [[10], [10]]
    one, two = _measure(cell, never, never, together=True, decide_max_s=0.1)
    if two.stopped_by != "decided":  # noise may decide even this
        assert (one.stopped_by, two.stopped_by) == ("decide_max_s", "decide_max_s")
        assert sum(look.share for look in two.looks) == pytest.approx(1)
        assert two.looks[-1].blocks == len(one.rounds) == len(two.rounds)


def test_too_little_time_for_a_decision_is_reported_after_the_first_block(
    tiny: tuple[Cell, Subject],
) -> None:
    cell, subject = tiny
    short = _repeating(subject, max_seconds=1e-3)
    pair = short, msgspec.structs.replace(short, base=0, decide=Decide(threshold=0.05, family=28))
    heard = _Heard()
    folder = Path(subject.folder)
    place_for = partial(place, HostDevice(), scratch=folder, log=folder / "log")
    measure(pair, cell.measure, heard, place_for=place_for, log=folder / "log")
    assert [rounds for rounds, said in heard.said if "this needs 12 blocks, about 0 fit" in said] == [2]


class _Heard:
    """A listener that keeps the progress that is reported, with the number of rounds before it."""

    def __init__(self) -> None:
        self.said: list[tuple[int, str]] = []
        self.rounds = 0

    def on_event(self, subject: int | None, event: Event) -> None:
        if event.kind == "progress":
            self.said.append((self.rounds, event.message))

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        self.rounds += 1

    def on_end(self, subject: int, series: Series) -> None:
        assert series.stopped_by == "max_seconds"

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        raise error


def test_a_slow_program_gets_blocks_of_its_own(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    alone, shared = (_measure(cell, subject, subject, block_max_s=limit)[0] for limit in (1e-6, 600.0))
    assert alone.own_blocks
    assert not shared.own_blocks


def test_rounds_can_be_pinned_to_cpus(tiny: tuple[Cell, Subject]) -> None:
    cell, subject = tiny
    (series,) = _measure(cell, _repeating(subject, rounds=5), affinity=[0])
    assert [round_.load.cpus for round_ in series.rounds] == [[0]] * 5
