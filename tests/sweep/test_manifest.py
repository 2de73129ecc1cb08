"""Which results a resumed sweep keeps."""

from __future__ import annotations

from pathlib import Path

import pytest
from made_results import MakeResult

from etbench.artifact.sources import DataFile, Sources
from etbench.events import Failure
from etbench.results.files.store import write_result
from etbench.sweep.manifest import HIDDEN, finished_cells
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
