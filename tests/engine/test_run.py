"""One cell from Python and from the command line: its events, its files, its failures."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest
from running import BRIEF, CONF, TESTS, etbench, started_etbench
from waiting import alive, descendants, wait_for

import etbench as api
from etbench.errors import ConfigError
from etbench.events import Event
from etbench.results.files.store import read_result


def test_python_api_tells_each_stage_in_order_and_returns_the_written_result(
    tmp_path: Path, scratch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    events: list[Event] = []
    cell = api.compose(
        ["model=tiny", "delegate=portable", "keep_pte=true", "cache.enabled=false", "repeat=quick"],
        config_dir=CONF,
    )
    outcome = api.run(cell, out_dir=tmp_path, on_event=events.append)

    assert outcome.result.status == "ok", outcome.result.failure
    assert outcome.path == tmp_path / "tiny_fp32_portable.json"
    assert read_result(outcome.path) == outcome.result
    assert (tmp_path / "tiny_fp32_portable.pte").stat().st_size == outcome.result.artifact.pte_bytes
    assert "lower" in (tmp_path / outcome.result.log_file).read_text()
    assert events[0].kind == "cell_started"
    assert events[-1].kind == "cell_finished"
    finished = [event.stage for event in events if event.kind == "stage_finished"]
    assert finished == [
        *("import", "load", "reference", "export", "quantize", "lower", "write"),
        *("start_runtime", "parity", "inspect", "time", "result"),
    ]
    assert "torch" not in outcome.result.config  # plain YAML, nothing else
    assert outcome.result.config["model"]["width"] == 4
    assert api.compose(outcome.result.command[2:], config_dir=outcome.result.command[1]) == cell


def test_a_second_run_of_the_same_cell_replaces_nothing(tmp_path: Path, scratch: Path) -> None:
    command = ("--config-dir", str(CONF), "model=tiny", "repeat=quick", "hydra.run.dir=out")
    for _ in range(2):
        assert etbench(*command, cwd=tmp_path, TMPDIR=str(scratch)).returncode == 0
    names = sorted(path.name for path in (tmp_path / "out").glob("*.json"))
    first, second = (json.loads((tmp_path / "out" / name).read_text()) for name in names)
    assert names == [f"tiny_fp32_xnnpack-{first['cell_id']}.json", "tiny_fp32_xnnpack.json"]
    assert first["cell_id"] == second["cell_id"]
    assert first["rounds"] != second["rounds"]
    assert first["command"] == ["--config-dir", str(CONF), "model=tiny", "repeat=quick"]


def test_max_seconds_cuts_the_timing_short_after_three_samples_and_says_so(
    tmp_path: Path, scratch: Path
) -> None:
    command = (
        "model=slow",
        "delegate=portable",
        "repeat.runs=1000",
        "repeat.max_seconds=0.1",
        "passes.load=1",
    )
    done = etbench(
        "--config-dir", str(CONF), *command, "hydra.run.dir=out", cwd=tmp_path, TMPDIR=str(scratch)
    )
    result = read_result(tmp_path / "out" / "slow_fp32_portable.json")
    assert (result.status, result.truncated, result.repeat) == ("ok", True, 3)
    assert sum(map(len, result.rounds)) == 3
    assert "3 of 1000 runs fit in repeat.max_seconds=0.1" in done.stdout


FAILING = {
    "unexportable": ("export", "data-dependent"),
    "wrong_return": ("load", "returned str"),
    "bad_bytes": ("load", r"a path that is not UTF-8: \udcff"),
    "pool3d": ("load_program", "kernel 'aten::max_pool3d_with_indices.out' not found"),
    "unimportable": ("load", "No module named 'no_such_package'"),
}
# The code, the status and the facts of each.
DOUBTFUL = {
    "constant": ("parity.degenerate", "ok", "constant"),
    "not_a_number": ("parity.not_finite", "wrong", "output values are NaN"),
}


@pytest.fixture(scope="module")
def failing(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """All cells that fail, and their folder."""
    return _swept(tmp_path_factory.mktemp("failing"), FAILING)


@pytest.fixture(scope="module")
def doubtful(tmp_path_factory: pytest.TempPathFactory) -> tuple[subprocess.CompletedProcess[str], Path]:
    """All cells whose outputs mean nothing, and their folder."""
    return _swept(tmp_path_factory.mktemp("doubtful"), DOUBTFUL)


def _swept(cwd: Path, models: Iterable[str]) -> tuple[subprocess.CompletedProcess[str], Path]:
    (scratch := cwd / "tmp").mkdir()
    grid = ("-m", "--config-dir", str(CONF), f"model={','.join(models)}", "delegate=portable")
    done = etbench(*grid, *BRIEF, "hydra.sweep.dir=out", cwd=cwd, TMPDIR=str(scratch))
    assert "Traceback" not in done.stdout + done.stderr
    assert not list(scratch.iterdir()), "temporary files were left behind"
    return done, cwd / "out"


@pytest.mark.parametrize("model", FAILING)
def test_a_failing_cell_has_a_result_with_its_stage_and_status_1(
    model: str, failing: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    (stage, message), (done, folder) = FAILING[model], failing
    assert done.returncode == 1
    (shown,) = [line for line in done.stdout.splitlines() if f": {model} fp32 portable: " in line]
    assert f"at stage {stage}" in shown
    result = read_result(folder / f"{model}_fp32_portable.json")
    assert result.status == "failed"
    assert result.latency_ms is None
    assert result.failure is not None
    assert result.failure.stage == stage
    assert message in result.failure.message
    assert "Traceback" in result.failure.traceback
    assert result.failure.message.splitlines()[0] in shown
    if result.failure.hint:
        assert f"  hint: {result.failure.hint}" in done.stdout.splitlines()


def test_the_users_line_and_the_cure_of_a_known_failure_are_shown(
    failing: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, folder = failing
    failure = read_result(folder / "unexportable_fp32_portable.json").failure
    assert failure is not None
    assert failure.known == "export.branches_on_data"
    assert re.search(r"tiny_models\.py:\d+, in forward: return x if x\.sum\(\) > 0 else -x$", failure.where)
    assert f"  at {failure.where}" in done.stdout.splitlines()
    assert "torch.cond" in failure.hint
    missing = read_result(folder / "pool3d_fp32_portable.json").failure
    assert missing is not None
    assert missing.log[0] == "operator_registry.cpp: kernel 'aten::max_pool3d_with_indices.out' not found."


@pytest.mark.parametrize("model", DOUBTFUL)
def test_a_finding_is_printed_and_an_error_makes_the_cell_wrong(
    model: str, doubtful: tuple[subprocess.CompletedProcess[str], Path]
) -> None:
    (code, status, message), (done, folder) = DOUBTFUL[model], doubtful
    result = read_result(folder / f"{model}_fp32_portable.json")
    (found,) = [finding for finding in result.findings or [] if finding.code == code]
    assert done.returncode == 1, "one of the two is wrong"
    assert result.status == status
    assert result.latency_ms is not None, "its time is kept"
    assert message in found.message
    assert found.code in done.stdout


@pytest.mark.cold
@pytest.mark.parametrize("victim", ["round", "worker"])
def test_a_process_killed_while_timing_is_a_failed_result_with_status_1(
    victim: str, tmp_path: Path, scratch: Path
) -> None:
    with _timing_for_long(tmp_path, scratch) as (process, family):
        family[victim].kill()
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1, printed
    assert "was killed by SIGKILL" in printed
    result = read_result(tmp_path / "out" / "slow_fp32_portable.json")
    assert result.failure is not None
    assert (result.status, result.failure.stage, result.failure.kind) == ("failed", "time", "ProcessDied")
    wait_for(lambda: not any(map(alive, family.values())))


@pytest.mark.cold
@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_an_interrupted_run_leaves_no_process_and_no_temporary_file(
    how: signal.Signals, tmp_path: Path, scratch: Path
) -> None:
    with _timing_for_long(tmp_path, scratch) as (process, family):
        process.send_signal(how)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 128 + how, printed
    assert "Traceback" not in printed
    wait_for(lambda: not any(map(alive, family.values())))


@pytest.mark.cold
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child's life to its parent's")
def test_children_die_with_a_run_that_is_killed(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()  # nobody is left to clean up after kill -9
    with _timing_for_long(tmp_path, tmp_path / "tmp") as (process, family):
        process.kill()
        process.communicate(timeout=300)
    wait_for(lambda: not any(map(alive, family.values())))


def test_files_that_are_not_there_are_refused_before_any_work(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"weights=/no/such\.pt"):
        api.compose(["model=resnet18", "model.weights=/no/such.pt"])
    text = tmp_path / "text.txt"
    text.write_text("One sentence.\n")
    cell = api.compose(["model=distilbert", f"calibration.text={text}"])
    text.unlink()
    with pytest.raises(ConfigError, match=r"calibration\.text=.*no such file"):
        api.run(cell, out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@contextmanager
def _timing_for_long(
    cwd: Path, scratch: Path
) -> Iterator[tuple[subprocess.Popen[str], dict[str, psutil.Process]]]:
    """Start a cell that times for minutes; give its process and children once it does."""
    command = ("--config-dir", str(CONF), "model=slow", "delegate=portable", "hydra.run.dir=out")
    long = ("repeat.runs=10000", "repeat.max_seconds=600")
    with started_etbench(*command, *long, cwd=cwd, TMPDIR=str(scratch)) as process:
        yield process, wait_for(lambda: _while_timing(process, cwd / "out" / "etbench.log"))


def _while_timing(process: subprocess.Popen[str], log: Path) -> dict[str, psutil.Process] | None:
    """Return the measuring process and the round it forked, once the timing has begun."""
    if not log.exists() or "stage_started time" not in log.read_text():
        return None
    children = descendants(process)
    rounds = [child for child in children if child.children() == [] and len(children) > 1]
    workers = [child for child in children if child.children()]
    return {"round": rounds[0], "worker": workers[0]} if rounds and workers else None
