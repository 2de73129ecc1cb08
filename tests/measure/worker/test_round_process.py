"""A task in a fresh process, forked or spawned: the answer or the failure comes back, whatever happens."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest
from running import CONF, TESTS, build_here

import etbench as api
from etbench.artifact import program_path, references_path
from etbench.builder import Artifact, build
from etbench.config import Cell, Passes
from etbench.errors import ConfigError, EtbenchError
from etbench.measure.pass_results import Energy, Evaluation, Memory, OneLoad, Profile
from etbench.measure.protocol import CheckPass, Round
from etbench.measure.worker.inspection import inspect_program
from etbench.measure.worker.round_process import MODULE, in_fresh_process, in_spawned
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import (
    CheckTask,
    EvaluateTask,
    LoadTask,
    MemoryTask,
    ProfileTask,
    RoundTask,
    Task,
)
from etbench.preflight.compose import compose
from etbench.results.graph.program import program_graph

pytestmark = pytest.mark.early

ROUND = """
import msgspec
from etbench.measure.worker.supervision import Supervision
from etbench.measure.pass_results import Evaluation
from etbench.measure.worker.inspection import inspect_program
from etbench.measure.worker.round_process import in_fresh_process
from etbench.measure.worker.tasks import Task
supervision = Supervision("evaluate", lambda _: None, lambda _: None, 300, {log!r})
task = msgspec.json.decode({task!r}, type=Task)
print(in_fresh_process(task, Evaluation, supervision, start={start!r}).figures["figure"])
"""
BUILT = tuple[str, Artifact]


@pytest.fixture(scope="module")
def two_parts(tmp_path_factory: pytest.TempPathFactory) -> BUILT:
    """The folder of a program with two delegated parts and a portable operator, and what is known of it."""
    folder = tmp_path_factory.mktemp("two_parts")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(TESTS))
        recipe = compose(["model=two_parts"], config_dir=CONF).recipe
        artifact = build(recipe, folder, log=folder / "log", on_event=lambda _: None)
    return str(folder), artifact


def _cell(*overrides: str) -> Cell:
    return compose(["model=tiny", *overrides], config_dir=CONF)


def _round(folder: str, samples: int = 3) -> RoundTask:
    return RoundTask(folder=folder, threads=1, samples=samples, at_least=1, warmup=2, time_left_s=60.0)


def _spawned(task: Task, answer: type, **how: object):
    calls = {"stage": "time", "waiting": lambda _: None, "tell": lambda _: None} | how
    return in_spawned(task, answer, Supervision(**calls))


def test_a_spawned_round_is_like_a_forked_one(two_parts: BUILT) -> None:
    taken = _spawned(_round(two_parts[0]), Round)
    assert len(taken.samples_ms) == 3
    assert taken.warmup >= 2
    assert min(taken.samples_ms) > 0
    assert taken.load_ms > 0


def test_where_there_is_no_fork_the_process_is_spawned(
    two_parts: BUILT, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "fork")
    quiet = Supervision("time", lambda _: None, lambda _: None, 60, os.devnull)
    taken = in_fresh_process(_round(two_parts[0]), Round, quiet, start="auto")
    assert len(taken.samples_ms) == 3
    with pytest.raises(ConfigError, match=r"measure\.start=fork: this system cannot fork; use auto or spawn"):
        _cell("measure.start=fork")


def test_cells_that_are_inspected_otherwise_are_other_cells() -> None:
    same, profiled, loaded = (_cell(change) for change in ("profile=false", "profile=true", "passes.load=6"))
    assert len({_cell().cell_id, same.cell_id, profiled.cell_id, loaded.cell_id}) == 3


def test_a_spawned_check_compares_with_the_reference(two_parts: BUILT) -> None:
    found = _spawned(CheckTask(folder=two_parts[0], threads=1, logits_axis=None), CheckPass)
    assert found.threads == 1
    assert found.parity.sqnr_db is not None
    assert found.parity.sqnr_db > 80
    assert found.load is not None
    assert found.load.method_ms > 0


def test_the_process_that_checks_has_one_of_the_warm_loads() -> None:
    first, other = (OneLoad(program_ms=n, method_ms=n, first_inference_ms=n) for n in (1.0, 3.0))
    asked: list[Task] = []

    def run(task: Task, answer: type) -> Any:
        asked.append(task)
        if isinstance(task, LoadTask):
            return other
        return (
            Memory(baseline_bytes=1, peak_bytes=1, peak_over_baseline_bytes=0)
            if answer is Memory
            else Energy()
        )

    found = inspect_program("f", 1, Passes(load=2), profile=False, first_load=first, run=run)
    assert found.load.warm.each == [first, other]
    assert [task.cold for task in asked if isinstance(task, LoadTask)] == [False, True, True]


def test_the_process_takes_and_gives_json_so_that_it_works_over_a_wire(two_parts: BUILT) -> None:
    task = {"task": "round", "folder": two_parts[0], "threads": 1}
    task |= {"samples": 4, "at_least": 1, "warmup": 1, "time_left_s": 9}
    done = subprocess.run(
        [sys.executable, "-m", MODULE, "time"], input=json.dumps(task), capture_output=True, text=True
    )
    *slow, line = done.stdout.splitlines()  # what the libraries print is not among it
    assert all(json.loads(other)["message_type"] == "said" for other in slow)
    assert len(json.loads(line)["body"]["samples_ms"]) == 4


def test_a_refused_program_comes_out_with_its_stage_and_hint(two_parts: BUILT, tmp_path: Path) -> None:
    program_path(tmp_path).write_bytes(b"no program at all" * 9)
    os.link(references_path(Path(two_parts[0])), references_path(tmp_path))
    with pytest.raises(EtbenchError, match="refuses the program") as caught:
        _spawned(_round(str(tmp_path)), Round)
    assert caught.value.stage == "load_program"
    assert "is not an ExecuTorch program" in caught.value.hint


def test_what_no_one_explained_gets_the_stage_that_was_given(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match="reference") as caught:
        _spawned(_round(str(tmp_path)), Round, stage="parity")
    assert (caught.value.stage, caught.value.kind) == ("parity", "FileNotFoundError")


@pytest.mark.cold  # it is found by its command line
def test_a_process_that_is_killed_is_named_by_the_signal_and_is_heard_of_before(
    two_parts: BUILT, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("etbench.measure.worker.supervision.HEARTBEAT_S", 0.1)
    beats: list[float] = []

    def kill(seconds: float) -> None:
        beats.append(seconds)
        for child in psutil.Process().children():
            with suppress(psutil.NoSuchProcess):  # it is dead already
                if MODULE in child.cmdline():
                    child.kill()

    with pytest.raises(EtbenchError, match="was killed by SIGKILL") as caught:
        _spawned(_round(two_parts[0], samples=10**9), Round, waiting=kill)
    assert caught.value.kind == "ProcessDied"
    assert beats


def test_a_process_that_takes_too_long_is_killed_and_that_is_said(two_parts: BUILT) -> None:
    with pytest.raises(EtbenchError, match="took longer than 2 s and was killed") as caught:
        _spawned(_round(two_parts[0], samples=10**9), Round, timeout_s=2)
    assert (caught.value.kind, caught.value.stage) == ("Timeout", "time")


def test_what_a_spawned_process_prints_goes_to_its_log(two_parts: BUILT, tmp_path: Path) -> None:
    _spawned(_round(two_parts[0]), Round, log=str(tmp_path / "log"))
    assert "Resetting threadpool" in (tmp_path / "log").read_text()


@pytest.mark.parametrize("start", ["fork", "spawn"])
def test_what_a_hook_prints_and_leaves_running_does_no_harm(
    start: str, two_parts: BUILT, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)
    options = {"until": str(tmp_path / "until")}
    task = EvaluateTask(
        folder=two_parts[0], threads=1, target="accuracy_hooks.leaving_a_process", options=options
    )
    work = ROUND.format(task=msgspec.json.encode(task), log=str(tmp_path / "log"), start=start)
    try:
        done = subprocess.run([sys.executable, "-c", work], stdout=subprocess.PIPE, timeout=600)
    finally:
        (tmp_path / "until").touch()
    assert done.stdout == b"1.0\n"
    assert (tmp_path / "log").read_text().count("a word of the hook") == 1


def test_a_hook_that_quits_has_failed(two_parts: BUILT, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    task = EvaluateTask(folder=two_parts[0], threads=1, target="accuracy_hooks.quitting", options={})
    with pytest.raises(EtbenchError, match=r"sys\.exit\('no data'\) was called") as caught:
        _spawned(task, Evaluation, stage="evaluate")
    assert (caught.value.stage, caught.value.kind) == ("evaluate", "SystemExit")


def test_slow_going_is_told_from_a_spawned_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    build_here(tmp_path, "model=slow", "+model.size=640", "delegate=portable")
    said: list[str] = []
    task = RoundTask(folder=str(tmp_path), threads=1, samples=1, at_least=1, warmup=1, time_left_s=0.1)
    _spawned(task, Round, tell=said.append)
    assert len(said) == 1
    assert said[0].startswith("slow, but not hanging: one inference takes about ")


def test_loading_takes_time_and_a_dropped_file_is_not_in_memory(two_parts: BUILT) -> None:
    warm, cold = (
        _spawned(LoadTask(folder=two_parts[0], threads=1, cold=dropped), OneLoad) for dropped in (False, True)
    )
    for one in (warm, cold):
        assert min(one.program_ms, one.method_ms, one.first_inference_ms) > 0
    assert warm.cached_share == 1.0
    assert cold.cached_share is not None
    assert cold.cached_share <= 0.01, "but for a page that another process looks at"


def test_memory_holds_the_packed_weights_and_no_more_than_it_should(two_parts: BUILT) -> None:
    folder, artifact = two_parts
    memory = _spawned(MemoryTask(folder=folder, threads=1), Memory)
    assert artifact.delegate_bytes is not None
    assert memory.private_dirty_bytes is not None
    assert 0.9 * artifact.delegate_bytes < memory.private_dirty_bytes < 10 * artifact.delegate_bytes
    assert memory.peak_bytes - memory.baseline_bytes == memory.peak_over_baseline_bytes
    assert memory.private_dirty_bytes < memory.peak_over_baseline_bytes < 1 << 26


def test_a_profile_tells_the_parts_of_a_program_in_their_order(two_parts: BUILT) -> None:
    profile = _spawned(ProfileTask(folder=two_parts[0], threads=1), Profile)
    kinds = [(one.kind, one.instruction) for one in profile.operators]
    portable = kinds.index(("portable", kinds[-1][1] - 1))
    assert profile.operators[portable].name == "cumsum.out"
    before, after = kinds[:portable], kinds[portable + 1 :]
    for part in (before, after):
        assert {kind for kind, _ in part[:-1]} == {"delegated"}
        assert part[-1][0] == "delegate"
        assert len({instruction for _, instruction in part}) == 1
    assert before[0][1] < kinds[portable][1] < after[0][1]
    names = [one.name for one in profile.operators if one.kind == "delegated"]
    assert any("Fully Connected" in name for name in names)


def test_the_operators_account_for_the_whole_of_the_inference(two_parts: BUILT) -> None:
    profile = _spawned(ProfileTask(folder=two_parts[0], threads=1), Profile)
    total = sum(one.mean_ms for one in profile.operators) + profile.elsewhere_ms
    assert total == pytest.approx(profile.execute_ms)
    assert sum(one.share or 0.0 for one in profile.operators) == pytest.approx(
        1 - profile.elsewhere_ms / profile.execute_ms
    )
    assert 0 <= profile.elsewhere_ms < profile.execute_ms
    assert profile.inferences >= 3
    longest = profile.top(2)
    assert len(longest) == 2
    assert longest[0].mean_ms == max(one.mean_ms for one in profile.operators)


@pytest.mark.parametrize(("start", "each"), [("fork", 2), ("spawn", 1)])
def test_a_cell_has_all_passes_in_its_result_however_its_rounds_start(
    start: str, each: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    rounds = [f"repeat.rounds={each}", "repeat.spread_s=0", f"passes.load={each}"]
    wanted = ["model=two_parts", *rounds, "passes.load_s=3600", "profile=true"]
    cell = compose([*wanted, f"measure.start={start}"], config_dir=CONF)
    outcome = api.run(cell, out_dir=tmp_path)
    result = outcome.result
    assert result.status == "ok", result.failure
    assert len(result.rounds) == each
    assert result.load is not None
    assert len(result.load.warm.each) == each
    assert result.load.cold is not None, result.load.cold_reason
    assert len(result.load.cold.each) == each
    assert result.memory is not None
    assert result.memory.private_dirty_bytes
    assert result.energy is not None
    assert result.energy.reason or result.energy.joules_per_inference
    assert result.profile is not None
    parts = program_graph(result).parts
    assert [part.subgraph for part in parts] == [0, None, 1]
    assert [part.sources for part in parts] == [[], [0], [1]]
    assert all(part.mean_ms for part in parts)
    lines = outcome.path.with_suffix(".profile.csv").read_text().splitlines()
    assert len(lines) == 1 + len(result.profile.operators)


def test_a_time_that_is_over_leaves_out_the_cold_loads_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    cell = compose(["model=tiny", "passes.load_s=1e-6", "repeat.rounds=1"], config_dir=CONF)
    result = api.run(cell, out_dir=tmp_path).result
    assert result.artifact is not None
    assert not result.artifact.operators, "only a profiled cell repeats the graph"
    load = result.load
    assert load is not None
    assert len(load.warm.each) == 1
    assert load.cold is None
    assert load.cold_reason == "passes.load_s=1e-06 left no time for it"


def test_a_task_with_a_key_it_does_not_know_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `cool`"):
        msgspec.json.decode(b'{"task":"load","folder":".","threads":1,"cold":true,"cool":1}', type=Task)
