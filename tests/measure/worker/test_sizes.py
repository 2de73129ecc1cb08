"""The time of a program at further sizes of its inputs, and where it is shown."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from rich.console import Console
from running import CONF, TESTS

import etbench as api
from etbench.artifact import TimedSize
from etbench.config import Repeat
from etbench.events import Event
from etbench.host.load import MachineLoad
from etbench.measure.protocol import Round, Subject
from etbench.measure.worker.sizes import time_sizes
from etbench.measure.worker.tasks import RoundTask
from etbench.results import aggregate
from etbench.results.report.content import gather
from etbench.terminal.console import print_summary

QUIET = MachineLoad(
    other_cpu_share=0.0, steal_share=0.0, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


@pytest.mark.parametrize(("asked", "rounds"), [(30, 5), (2, 2)])
def test_sizes_are_timed_in_turn_in_a_few_processes_each(asked: int, rounds: int) -> None:
    order: list[int] = []

    def run(task: RoundTask, answer: type) -> Round:
        order.append(task.reference)
        assert (task.samples, task.time_left_s) == (-(-12 // rounds), pytest.approx(6 / rounds))
        taken = [float(task.reference)] * 3
        return Round(samples_ms=taken, load_ms=1, first_inference_ms=1, warmup=1, load=QUIET)

    repeat = Repeat(runs=12, warmup=1, rounds=asked, rounds_s=6.0, max_seconds=60.0)
    sizes = [TimedSize(reference=5, inputs=[[2, 8]]), TimedSize(reference=6, inputs=[[4, 8]])]
    subject = Subject(folder="", repeat=repeat, threads=1, logits_axis=None, log="", timed_sizes=sizes)
    found = time_sizes(subject, 1, run)
    assert order == ([5, 6, 6, 5] * rounds)[: 2 * rounds]
    assert [(one.inputs, one.latency_ms.p50, len(one.rounds)) for one in found] == [
        ([[2, 8]], 5.0, rounds),
        ([[4, 8]], 6.0, rounds),
    ]


def test_a_program_is_timed_at_the_sizes_that_are_named_and_each_is_shown(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    sizes = ["+model.dynamic.batch=6", "+model.dynamic.measure=[1,2,4]", "+model.memory_format=channels_last"]
    cell = api.compose(["model=tiny", *sizes, "repeat=quick", "passes.load=1"], config_dir=CONF)
    events: list[Event] = []
    result = api.run(cell, out_dir=tmp_path, on_event=events.append).result
    assert result.status == "ok", result.failure
    assert "sizes" in {event.stage for event in events}
    assert events[0].data.endswith("channels last")
    timed = result.latency_at_other_sizes
    assert [one.inputs for one in timed] == [[[2, 3, 8, 8]], [[4, 3, 8, 8]]], "the rounds have size 1"
    assert all(sample > 0 for one in timed for samples in one.rounds for sample in samples)
    compared = [one.inputs[0][0] for one in result.parity_at_other_sizes]
    assert compared == [2, 4, 6], "the largest is compared, too"

    console = Console(width=100, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as printed:
        print_summary([result], console)
    assert "memory format of tiny fp32 xnnpack: channels last" in printed.get()
    rows = [line.split() for line in printed.get().splitlines() if "x3x8x8" in line]
    assert [row[0] for row in rows] == ["1x3x8x8", "2x3x8x8", "4x3x8x8", "6x3x8x8"]
    assert [row[1] == "-" for row in rows] == [False, False, False, True]

    aggregate([tmp_path], tmp_path / "tables")
    table = pd.read_csv(tmp_path / "tables" / "sizes.csv")
    assert list(table["inputs"]) == [row[0] for row in rows]
    assert table["latency_p50_ms"][1] == timed[0].latency_ms.p50
    (section,) = [one for one in gather([result]).sections if one.name == "sizes"]
    assert [row[3].text for row in section.numbers[0].rows] == [row[0] for row in rows]
