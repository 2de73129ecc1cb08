"""What goes wrong before anything is measured: each cell hears of it, and whoever listens may stop it all."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import msgspec
import pytest

from etbench.config import Device
from etbench.config.devices import HostDevice, SshDevice
from etbench.devices import place
from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.host.load import MachineLoad
from etbench.host.measuring_lock import measuring_lock
from etbench.measure import Round, Series, Subject, measure
from etbench.measure.protocol import Done, MeasureRequest
from etbench.measure.session import _Collector
from etbench.preflight.compose import compose


class _Failures:
    """A listener that takes down the failures, by subject."""

    def __init__(self) -> None:
        self.heard: dict[int, EtbenchError] = {}

    def on_event(self, subject: int | None, event: Event) -> None:
        raise LookupError(event.message)

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        raise AssertionError("nothing is to be measured")

    def on_end(self, subject: int, series: Series) -> None:
        raise AssertionError("nothing is to be measured")

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        self.heard[subject] = error


def _measure(folder: Path, log: Path, device: Device | None = None) -> dict[int, EtbenchError]:
    cell, failures = compose(["model=mobilenet_v2", "repeat=quick"]), _Failures()
    subjects = [
        Subject(folder=str(folder / name), repeat=cell.repeat, threads=1, logits_axis=None, log=str(log))
        for name in ("one", "two")
    ]
    place_for = partial(place, device or HostDevice(), scratch=folder, log=log)
    measure(subjects, cell.measure, failures, place_for=place_for, log=log)
    return failures.heard


@pytest.mark.parametrize(
    ("device", "missing"),
    [(HostDevice(), "gone/log"), (SshDevice(host="nowhere"), "one/")],
    ids=["no worker", "nothing to send"],
)
def test_a_place_that_breaks_is_the_failure_of_all_cells(
    device: Device, missing: str, tmp_path: Path
) -> None:
    heard = _measure(tmp_path, tmp_path / "gone" / "log", device)
    assert sorted(heard) == [0, 1]
    for error in heard.values():
        assert (error.stage, error.kind) == ("connect", "FileNotFoundError")
        assert f"{tmp_path}/{missing}" in error.message
        assert "Traceback" in error.traceback


def test_what_a_listener_raises_is_no_failure_of_the_place(tmp_path: Path) -> None:
    with measuring_lock(lambda: None), pytest.raises(LookupError, match="another etbench is measuring"):
        _measure(tmp_path, tmp_path / "log")


@pytest.mark.parametrize(
    ("moved", "again"), [(False, set()), (True, {0, 1, 3})], ids=["same machine", "another machine"]
)
def test_on_another_machine_what_is_not_finished_begins_again_with_its_baseline(
    moved: bool, again: set[int], tmp_path: Path
) -> None:
    """Subject 0 is the baseline of 1, and has ended before it; 2 has ended, 3 has not."""
    repeat = compose(["model=mobilenet_v2", "repeat=quick"]).repeat
    plain = Subject(folder="", repeat=repeat, threads=1, logits_axis=None, log="")
    subjects = [plain, msgspec.structs.replace(plain, base=0), plain, plain]
    collector = _Collector(_Failures(), subjects)
    facts = MachineLoad(
        other_cpu_share=None, steal_share=None, involuntary_switches=0, major_faults=0, frequency_mhz=None
    )
    one = Round(samples_ms=[1.0], load_ms=1.0, first_inference_ms=1.0, warmup=0, load=facts)
    for number, taken in enumerate(collector.taken):
        taken.done.append(Done(round=one, seconds=1.0))
        taken.over = number in (0, 2)
    collector.go_on(moved=moved)
    request = MeasureRequest(subjects=subjects, seed=0, block_max_s=1.0, timeout_s=1.0)
    rest = collector.rest_of(request).subjects
    assert {number for number, subject in enumerate(rest) if not subject.done} == again
    assert [subject.over for subject in rest] == [not moved, False, True, False]
