"""Which sweeps are resumed, and which results are kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from made_results import MakeResult

from etbench.artifact.sources import DataFile, Sources
from etbench.errors import ConfigError
from etbench.events import Failure
from etbench.results.files.store import write_result
from etbench.sweep.manifest import HIDDEN, Manifest, finished_cells, manifest_path
from etbench.sweep.resuming import resuming
from etbench.system.files import sha256


def test_a_result_whose_accuracy_function_was_edited_is_measured_again(
    make_result: MakeResult, tmp_path: Path
) -> None:
    hook, folder = tmp_path / "accuracy.py", tmp_path / "out"
    hook.write_text("def accuracy(program): ...")
    sources = Sources(data=[DataFile(root="/", path=str(hook), sha256=sha256(hook))])
    plain, evaluated = make_result("resnet18"), make_result("gpt2", evaluation_sources=sources)
    for result in (plain, evaluated):
        write_result(result, folder, f"{result.model_name}_fp32_xnnpack")
    assert finished_cells(folder, retry=None)[0].keys() == {plain.cell_id, evaluated.cell_id}
    hook.write_text("def accuracy(program): return {}")
    of_another, words = finished_cells(folder, retry=None, retried=[plain.cell_id])
    assert (len(of_another), words) == (2, [])
    done, words = finished_cells(folder, retry=None)
    aside = folder / HIDDEN / "aside" / "gpt2_fp32_xnnpack-1.json"
    assert done.keys() == {plain.cell_id}
    assert words == [
        f"gpt2_fp32_xnnpack.json: the accuracy is measured again: {hook} changed since; moved to {aside}"
    ]
    assert aside.exists()


@pytest.fixture
def started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a sweep that this user has started."""
    monkeypatch.setattr("sys.argv", ["etbench", "-m", "model=tiny", "+note=\x1b[31m'\n'"])
    Manifest.of([]).write(folder := tmp_path / "out")
    return folder


def test_the_command_line_of_a_sweep_of_somebody_else_is_printed_before_it_runs(
    started: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    resume = ["-m", f"sweep.resume={started}"]
    expanded = resuming(resume)
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
    assert resuming(resume) == expanded
    (told,) = capsys.readouterr().err.splitlines()
    assert "etbench does not know who started this sweep" in told
    assert "python -m etbench -m model=tiny '+note=\\x1b[31m" in told


def test_a_command_line_that_was_changed_is_printed(
    started: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = manifest_path(started)
    path.write_text(path.read_text().replace("model=tiny", "model=evil"))
    resuming(["-m", f"sweep.resume={started}"])
    assert "model=evil" in capsys.readouterr().err


def _fifo(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (
            lambda path: path.write_text(path.read_text().replace('"version":1', '"version":99')),
            "of version 99, and this etbench reads version 1; resume it with the version",
        ),
        (lambda path: path.write_text('{"version": 99}'), "of version 99"),
        (lambda path: path.write_text('{"version": 1}'), "cannot be read: Object missing required field"),
        (lambda path: path.write_bytes(b"[" * 100_000), "cannot be read"),
        (lambda path: path.write_bytes(b'{"new": ' + b"[" * 100_000), "cannot be read"),
        (lambda path: path.write_bytes(b'{"argv": ["\xff"]}'), "cannot be read"),
        (_fifo, "it is a FIFO, not a regular file"),
    ],
    ids=["version 99", "version 99 of another form", "no cells", "nested", "nested inside", "bytes", "fifo"],
)
def test_a_manifest_that_is_none_is_refused(
    spoil: Callable[[Path], None], expected: str, started: Path
) -> None:
    spoil(manifest_path(started))
    with pytest.raises(ConfigError, match=expected):
        resuming(["-m", f"sweep.resume={started}"])


@pytest.mark.parametrize(
    ("status", "again"), [(-9, "SIGKILL"), (-15, "SIGTERM"), (-11, ""), (3, ""), (None, "")], ids=str
)
def test_a_cell_that_was_killed_from_outside_is_run_again(
    status: int | None, again: str, make_result: MakeResult, tmp_path: Path
) -> None:
    failure = Failure(stage="time", kind="ProcessDied", message="", hint="", traceback="", exit_status=status)
    killed = make_result("resnet18", status="failed", failure=failure, rounds=[])
    write_result(killed, tmp_path, "resnet18_fp32_xnnpack")
    kept, _ = finished_cells(tmp_path, retry=None, retried=[])
    assert kept.keys() == {killed.cell_id}, "another cell of the folder is not touched"
    done, words = finished_cells(tmp_path, retry=None)
    assert done.keys() == ({killed.cell_id} if not again else set())
    said = f"resnet18_fp32_xnnpack.json: run again, since {again} killed its process; moved to {tmp_path}/"
    assert [line[: len(said)] for line in words] == ([said] if again else [])
