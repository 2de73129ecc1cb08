"""A received folder of results holds links: nothing is written through them."""

from __future__ import annotations

import ast
import os
import shutil
from pathlib import Path

import pytest
from hostile_files import ROOT

from etbench.cli.main import main
from etbench.engine.cell_run import CellRun
from etbench.errors import ConfigError
from etbench.events import Event
from etbench.preflight.compose import compose
from etbench.preflight.file_checks import links_fault, resume_fault
from etbench.results.files.store import read_result, write_result
from etbench.results.tables.index import HIDDEN
from etbench.sweep.manifest import Manifest, alone_in
from etbench.system.event_log import EventLog

SWEEP = [ROOT / f"outputs/sample_sweep/resnet18_{precision}_xnnpack.json" for precision in ("fp32", "int8")]
RUN = ROOT / "outputs/sample_history/01/tower_fp32_xnnpack.json"
WRITES = {  # a command, and the files that it writes into {in}
    "charts {in}": ("precision_bars.png", "pareto.png"),
    "history {in} -o {in}": ("history.csv", "history.png"),
    "aggregate {in}": ("results.csv", "ranking.csv", "pivot.csv", "delegation.csv"),
    "report {in}": ("report.html",),
    "report {in} --format markdown -o {in}/comment.md": ("comment.md",),
    "export {in} -o {in}/records.json": ("records.json",),
    "compare {in} {in} -o json={in}/c.json -o markdown={in}/c.md -o junit={in}/c.xml": (
        "c.json",
        "c.md",
        "c.xml",
    ),
}
# Packages whose files land in a folder of results, and the calls in them that open one to write.
PACKAGES = ("cli", "engine", "results", "sweep", "terminal", "tracking", "ui")
OPENING = {"write_text", "write_bytes", "copyfile", "copyfileobj", "copy2", "copytree", "savefig"}
ALLOWED = {  # what they write is a file that they made, under a name that nobody else knows
    ("engine/cell_run.py", "copyfile"): "a temporary file",
    ("results/files/store.py", "open"): "a temporary file, which must not exist",
    ("terminal/pipe.py", "FileIO"): "standard output and error of this process",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two results, beside a file that must not change."""
    (tmp_path / "in").mkdir()
    (tmp_path / "victim").write_text("mine")
    for path in SWEEP:
        shutil.copy(path, tmp_path / "in")
    return tmp_path / "in"


@pytest.mark.parametrize("command", WRITES)
def test_a_link_with_the_name_of_an_output_is_replaced(
    command: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in WRITES[command]:
        (folder / name).symlink_to(folder.parent / "victim")
    assert main([word.format_map({"in": folder}) for word in command.split()]) in (0, 4), (
        capsys.readouterr().err
    )
    assert (folder.parent / "victim").read_text() == "mine"
    for name in WRITES[command]:
        assert not (folder / name).is_symlink()
        assert (folder / name).stat().st_size


def test_an_index_that_is_a_link_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (elsewhere := folder.parent / "elsewhere").mkdir()
    (folder / HIDDEN).symlink_to(elsewhere)
    assert main(["history", str(folder)]) == 0
    assert not list(elsewhere.iterdir())
    (folder / HIDDEN).unlink()
    (folder / HIDDEN).mkdir()
    (victim := folder.parent / "database").touch()
    for name in ("index.sqlite", "index.sqlite-journal"):
        (link := folder / HIDDEN / name).symlink_to(victim)
        assert main(["history", str(folder)]) == 0
        assert victim.stat().st_size == 0
        link.unlink()
    os.link(victim, folder / HIDDEN / "index.sqlite")
    assert main(["history", str(folder)]) == 0
    assert victim.stat().st_size == 0


def test_a_result_and_its_program_never_go_through_a_link(folder: Path) -> None:
    result = read_result(SWEEP[0])
    for name in ("cell.json", f"cell-{result.cell_id}.json"):
        (folder / name).symlink_to(folder.parent / "not there yet")
    assert write_result(result, folder, "cell").name == f"cell-{result.cell_id}-2.json"
    assert sorted(path.name for path in folder.parent.iterdir()) == ["in", "victim"]


def test_logs_in_a_folder_with_links_are_files_of_their_own(folder: Path) -> None:
    victim = folder.parent / "victim"
    for name in ("etbench.log", "events.jsonl"):
        (folder / name).symlink_to(victim)
    (folder / ".partial").symlink_to(folder.parent)
    cell = compose(["model=resnet18"])
    run = CellRun(cell, folder, folder, EventLog(folder / "events.jsonl"))
    run.emit(Event(kind="progress", message="words"))
    run.keep([])
    assert victim.read_text() == "mine"
    assert all("words" in (folder / name).read_text() for name in ("etbench.log", "events.jsonl"))
    assert sorted(path.name for path in folder.parent.iterdir()) == ["in", "victim"]


def test_a_resumed_folder_with_links_is_refused(folder: Path) -> None:
    (folder / ".sweep").symlink_to(folder.parent)
    with pytest.raises(ConfigError, match=r"\.sweep: it is a link, but must be a folder; remove it"):
        Manifest(argv=[], created_at="", cells=[]).write(folder)
    with pytest.raises(ConfigError, match="it is a link"), alone_in(folder):
        pass
    (folder / ".sweep").unlink()
    (folder / ".sweep").mkdir()
    (folder / ".sweep" / "lock").symlink_to(folder.parent / "victim")
    with alone_in(folder):
        assert (folder.parent / "victim").read_text() == "mine"
    assert resume_fault(str(folder)) is None
    (folder / ".hydra").symlink_to(folder.parent)
    assert links_fault("hydra.run.dir", folder) == (
        f"hydra.run.dir={folder}: {folder / '.hydra'} is a link, but is written to; remove it"
    )
    (folder / ".hydra").unlink()
    (folder / "cells" / "0" / ".hydra").mkdir(parents=True)
    (link := folder / "cells" / "0" / ".hydra" / "config.yaml").symlink_to(folder.parent / "victim")
    assert (
        resume_fault(str(folder)) == f"sweep.resume={folder}: {link} is a link, but is written to; remove it"
    )


def test_files_in_folders_of_results_are_written_in_one_place() -> None:
    """All others call `replace_file`, `replacing` or `append_to` of `etbench.system.files`."""
    found = set()
    for package in PACKAGES:
        for path in (ROOT / "etbench" / package).rglob("*.py"):
            for call in (
                node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)
            ):
                if name := _writing(call):
                    found.add((path.relative_to(ROOT / "etbench").as_posix(), name))
    assert found == set(ALLOWED)


def _writing(call: ast.Call) -> str | None:
    """Return the name of a call that opens a file to write."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    if name in OPENING:
        return name
    if name in ("save", "to_csv", "to_parquet", "to_json", "to_excel") and call.args:
        target = call.args[0]
        return None if isinstance(target, ast.Name) and target.id == "file" else name
    if name in ("open", "fdopen", "FileIO"):
        modes = [*call.args, *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        texts = [
            mode.value for mode in modes if isinstance(mode, ast.Constant) and isinstance(mode.value, str)
        ]
        if any(set(text) <= set("rwxabt+") and set(text) & set("wxa+") for text in texts):
            return name
    return None
