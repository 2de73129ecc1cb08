"""What is heard of a base that fails is not told of the cell that is compared with it."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support import CONF

from etbench import compose
from etbench.engine.cell_run import Task
from etbench.engine.phases import Phases, _Listener
from etbench.errors import EtbenchError
from etbench.host.load import MachineLoad
from etbench.measure import Round

LOAD = MachineLoad(
    other_cpu_share=None, steal_share=None, involuntary_switches=0, major_faults=0, frequency_mhz=None
)


@pytest.fixture
def task(tmp_path: Path) -> Task:
    """A cell with a base, both built."""
    task = Task(compose(["model=tiny"], config_dir=CONF), tmp_path, tmp_path, None)
    task.program = SimpleNamespace(  # type: ignore[assignment]
        built=SimpleNamespace(artifact=SimpleNamespace(logits_axis=None)), folder=tmp_path / "new"
    )
    task.base = SimpleNamespace(  # type: ignore[assignment]
        settings=SimpleNamespace(threads=7, runtime=task.cell.delegate.runtime, runner="python")
    )
    task.base_program = (tmp_path / "base", "kept")
    return task


def _listener(task: Task) -> Any:
    return _Listener(Phases(task.cell, None, task.out), [task])


def _round(ms: float) -> Round:
    return Round(samples_ms=[ms], load_ms=1, first_inference_ms=1, warmup=1, load=LOAD)


def test_the_base_is_run_as_it_was(task: Task) -> None:
    assert [subject.threads for subject in _listener(task).subjects] == [7, None]


def test_a_base_that_fails_leaves_the_cell_its_own_rounds(task: Task) -> None:
    listener, error = _listener(task), EtbenchError("crashed", stage="time", hint="look")
    listener.on_round(1, [_round(2.0)], 30)
    listener.on_failure(0, error, [_round(99.0)])
    assert error.message == "crashed", "it may be the error of others as well"
    assert task.outcome is not None
    result = task.outcome.result
    assert result.failure is not None
    assert (result.failure.message, result.failure.hint) == ("the base: crashed", "look")
    assert result.rounds == [[2.0]]
    listener.keep_all()
    assert [path.name for path in task.out.rglob("*.json")] == ["tiny_fp32_xnnpack.json"]
