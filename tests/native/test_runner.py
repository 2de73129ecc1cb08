"""The native runner does what Python does, by the same words, and says what went wrong."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from running import CONF, TESTS, build_here

import etbench as api
from etbench.artifact import program_path, references_path
from etbench.artifact.references import read_references
from etbench.config import XnnpackRuntime
from etbench.errors import EtbenchError
from etbench.measure.pass_results import Memory, OneLoad
from etbench.measure.protocol import CheckPass, Compared, NativeOutputs, Round
from etbench.measure.worker.round_process import in_native, in_spawned
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import CheckTask, LoadTask, MemoryTask, OutputsTask, ParityTask, RoundTask

pytestmark = pytest.mark.early

MODELS = {
    "attention": ("precision=int8", "delegate=portable"),  # two inputs, one of int64, and quantized kernels
    "channels_last": (),  # its output is in another order in memory
    "fed_otherwise": ("model.which=mean", "+model.memory_format=channels_last"),  # its input is
    "structured": ("model.which=mixed", "delegate=portable"),  # every dtype, and an input without axes
    "tiny": ("+model.dynamic.batch=3",),  # compared at another size, too
    "repeated": (),  # the same layers four times, each a subgraph, and between them a portable operator
}
INTERMEDIATE = 512 * 2048 * 4  # bytes between two layers of a subgraph
WEIGHTS = 2 * 64 * 2048 * 4


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folders of the programs."""
    root = tmp_path_factory.mktemp("programs")
    for model, overrides in MODELS.items():
        build_here(root / model, f"model={model}", *overrides)
    return {model: root / model for model in MODELS}


def _round(folder: Path, **changes: Any) -> RoundTask:
    asked = {"threads": 1, "samples": 3, "at_least": 1, "warmup": 2, "time_left_s": 60.0} | changes
    return RoundTask(folder=str(folder), **asked)


def _native(runner: Path, task: Any, answer: type, **how: Any) -> Any:
    calls = {"stage": "time", "waiting": lambda _: None, "tell": lambda _: None} | how
    return in_native(task, answer, Supervision(**calls), runner=str(runner))


def _python(task: Any, answer: type) -> Any:
    return in_spawned(task, answer, Supervision("parity", lambda _: None, lambda _: None))


@pytest.mark.parametrize("model", MODELS)
def test_the_outputs_are_those_of_python(
    model: str, runner: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    about = {"folder": str(folders[model]), "threads": 1}
    file = str(tmp_path / "outputs.safetensors")
    told = _native(runner, OutputsTask(**about, file=file), NativeOutputs)
    compared = _python(ParityTask(**about, file=file, logits_axis=None), Compared)
    check = _python(CheckTask(**about, logits_axis=None), CheckPass)
    assert (compared.parity, compared.other_sizes) == (check.parity, check.other_sizes)  # to the last bit
    assert told.threads == check.threads == 1
    assert "XnnpackBackend" in told.runtimes


@pytest.mark.parametrize("threads", [1, 2])
def test_the_pool_has_as_many_threads_as_are_asked_for(
    threads: int, runner: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    task = OutputsTask(folder=str(folders["repeated"]), threads=threads, file=str(tmp_path / "outputs"))
    assert _native(runner, task, NativeOutputs).threads == threads


def test_a_round_is_fed_with_the_batch_of_its_number(runner: Path, folders: dict[str, Path]) -> None:
    last = len(read_references(folders["tiny"])[0]) - 1  # of the largest size
    assert len(_native(runner, _round(folders["tiny"], reference=last), Round).samples_ms) == 3
    with pytest.raises(EtbenchError, match="setting its inputs failed"):
        _native(runner, _round(folders["tiny"], reference=last + 1), Round)
    with pytest.raises(EtbenchError, match="list index out of range"):
        _python(_round(folders["tiny"], reference=last + 1), Round)


def test_a_round_has_what_a_round_of_python_has(runner: Path, folders: dict[str, Path]) -> None:
    taken = _native(runner, _round(folders["repeated"]), Round)
    assert len(taken.samples_ms) == 3
    assert taken.warmup >= 2
    assert taken.inferences_per_sample >= 1
    assert (
        _native(runner, _round(folders["repeated"], inferences_per_sample=7), Round).inferences_per_sample
        == 7
    )
    assert min(*taken.samples_ms, taken.first_inference_ms) > 0
    assert taken.load_ms > 0
    assert taken.load.cpus == sorted(os.sched_getaffinity(0))
    assert taken.load.other_cpu_share is None or 0 <= taken.load.other_cpu_share <= 1


@pytest.mark.parametrize(
    ("changes", "warmup", "samples"),
    [
        ({"warmup": "stable"}, range(20, 1_000_000), 3),
        ({"warmup": 50, "time_left_s": 0.0, "at_least": 2}, [1], 2),
    ],
    ids=["until stable", "no time"],
)
def test_warmup_and_time_limit_are_those_of_python(
    changes: dict[str, Any], warmup: Sequence[int], samples: int, runner: Path, folders: dict[str, Path]
) -> None:
    for taken in (
        _native(runner, _round(folders["repeated"], **changes), Round),
        _python(_round(folders["repeated"], **changes), Round),
    ):
        assert taken.warmup in warmup
        assert len(taken.samples_ms) == samples


def test_loading_starts_with_the_process_and_a_dropped_file_is_not_in_memory(
    runner: Path, folders: dict[str, Path]
) -> None:
    warm, cold = (
        _native(runner, LoadTask(folder=str(folders["repeated"]), threads=1, cold=cold), OneLoad)
        for cold in (False, True)
    )
    for one in (warm, cold):
        assert min(one.program_ms, one.method_ms, one.first_inference_ms, one.start_ms) > 0
        assert one.start_ms < 10_000
    assert warm.cached_share == 1.0
    assert cold.cached_share <= 0.01, "but for a page that another process looks at"


def test_memory_is_that_of_a_process_without_python(runner: Path, folders: dict[str, Path]) -> None:
    memory = _native(runner, MemoryTask(folder=str(folders["repeated"]), threads=1), Memory)
    weights = program_path(folders["repeated"]).stat().st_size
    assert memory.peak_bytes - memory.baseline_bytes == memory.peak_over_baseline_bytes
    assert weights < memory.private_dirty_bytes < memory.peak_over_baseline_bytes
    assert memory.peak_bytes < 1 << 25


def test_options_of_the_runtime_reach_it(runner: Path, folders: dict[str, Path]) -> None:
    def private_dirty_bytes(**options: Any) -> int:
        about = {"folder": str(folders["repeated"]), "threads": 1, "runtime": XnnpackRuntime(**options)}
        return _native(runner, MemoryTask(**about), Memory).private_dirty_bytes

    usual = private_dirty_bytes()
    unshared = private_dirty_bytes(workspace_sharing="disabled")
    assert unshared - usual > 2 * INTERMEDIATE, "four workspaces instead of one"
    assert usual - private_dirty_bytes(weight_cache=True) > 2 * WEIGHTS, "packed once instead of four times"


def test_any_name_of_a_folder_is_understood(runner: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    strange = tmp_path / 'a="folder"\\ of\tmine\nü 名'
    shutil.copytree(folders["repeated"], strange)
    assert len(_native(runner, _round(strange), Round).samples_ms) == 3


def test_a_refused_program_comes_out_with_its_stage_and_hint(
    runner: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    program_path(tmp_path).write_bytes(b"no program at all" * 9)
    os.link(references_path(folders["repeated"]), references_path(tmp_path))
    with pytest.raises(EtbenchError, match="refuses the program: loading it failed") as caught:
        _native(runner, _round(tmp_path), Round)
    assert caught.value.stage == "load_program"
    assert "is not an ExecuTorch program" in caught.value.hint


def test_inputs_that_do_not_fit_are_a_failure_of_the_stage_at_hand(
    runner: Path, folders: dict[str, Path], tmp_path: Path
) -> None:
    os.link(program_path(folders["repeated"]), program_path(tmp_path))
    os.link(references_path(folders["attention"]), references_path(tmp_path))
    with pytest.raises(EtbenchError, match="setting its inputs failed with error 0x12") as caught:
        _native(runner, _round(tmp_path), Round)
    assert caught.value.stage == "time"
    assert "InvalidArgument" in caught.value.hint


def test_references_that_are_absent_are_a_failure_of_the_stage_at_hand(runner: Path, tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match="the reference inputs cannot be read") as caught:
        _native(runner, _round(tmp_path), Round)
    assert (caught.value.stage, caught.value.kind) == ("time", "FileNotFoundError")


def test_a_runner_that_crashes_is_named_by_the_signal(
    runner: Path, folders: dict[str, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etbench.measure.worker.supervision.HEARTBEAT_S", 0.1)

    def crash(_: float) -> None:
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # it is dead already
                if str(runner) in child.cmdline():
                    child.send_signal(signal.SIGSEGV)

    with pytest.raises(EtbenchError, match="was killed by SIGSEGV") as caught:
        _native(runner, _round(folders["repeated"], samples=10**9), Round, waiting=crash)
    assert caught.value.kind == "ProcessDied"


def test_a_cell_is_measured_natively_and_says_so(
    runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    rounds = ["repeat.rounds=5", "repeat.spread_s=0", "passes.load=2", "passes.load_s=60"]
    cell = api.compose(["model=tiny", "runner=native", *rounds], config_dir=CONF)
    stages: list[str] = []
    result = api.run(cell, out_dir=tmp_path, on_event=lambda event: stages.append(event.stage)).result
    assert result.status == "ok", result.failure
    assert "compile" in stages
    assert result.environment.runner == "native"
    assert len(result.rounds) == 5
    assert result.load is not None
    assert result.load.cold is not None, result.load.cold_reason
    assert result.load.cold.start_to_first_ms == pytest.approx(
        sum(one.start_to_first_ms or 0 for one in result.load.cold.each) / 2
    )
    assert result.memory is not None
    assert result.memory.peak_bytes < 1 << 25  # the process has no Python in it
    assert result.parity is not None
    assert result.parity.sqnr_db > 80
