"""What is written at the end of a cell: all of it under one name, or a result that says why not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from running import CONF

from etbench import compose
from etbench.artifact import program_path
from etbench.engine import cell_run
from etbench.engine.cell_run import CellRun
from etbench.errors import EtbenchError
from etbench.results.files.store import read_result


@pytest.fixture
def built(tmp_path: Path) -> CellRun:
    """A cell that keeps its program, which is built."""
    (folder := tmp_path / "program").mkdir()
    program_path(folder).write_bytes(b"a program")
    cell = compose(["model=tiny", "keep_pte=true"], config_dir=CONF)
    built = CellRun(cell, tmp_path / "out", tmp_path, None)
    built.program = SimpleNamespace(folder=folder)  # type: ignore[assignment]
    return built


def _finish(built: CellRun) -> cell_run.Outcome:
    built.finish(msgspec.structs.replace(built.blank, status="built", reason="a test"))
    assert built.outcome is not None
    return built.outcome


def test_the_program_has_the_name_of_its_result(built: CellRun) -> None:
    for _ in range(2):
        outcome = _finish(built)
        assert outcome.path is not None
        assert outcome.result.pte_file == f"{outcome.path.stem}.pte"
        assert read_result(outcome.path).pte_file == outcome.result.pte_file
        assert outcome.path.with_suffix(".pte").read_bytes() == b"a program"
    assert len(list(built.out.iterdir())) == 4


def test_a_program_that_cannot_be_kept_leaves_one_result_that_says_so(
    built: CellRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: Path, target: Path) -> None:
        target.write_bytes(b"half")
        raise OSError("No space left on device")

    monkeypatch.setattr(cell_run.shutil, "copyfile", full)
    outcome = _finish(built)
    assert outcome.result.status == "failed"
    assert outcome.path is not None
    assert [path.name for path in built.out.iterdir()] == [outcome.path.name]
    assert "No space left" in str(read_result(outcome.path).failure)


def test_a_profile_that_cannot_be_written_takes_nothing_from_the_result(
    built: CellRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(cell_run, "write_profile", full)
    assert _finish(built).result.status == "built"
    assert "the profile was not written: No space left" in built.log.read_text()


def test_a_failed_cell_keeps_no_program(built: CellRun) -> None:
    built.fail(EtbenchError("no", stage="time"))
    assert [path.suffix for path in built.out.iterdir()] == [".json"]
