"""A grid given to the launcher at once: planned, built, measured in turn; and cell by cell by Hydra's own."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support import CONF, etbench

from etbench.results.files.schema import Result
from etbench.results.files.store import read_results
from etbench.sweep.manifest import read_manifest

GRID = ("-m", "--config-dir", str(CONF), "model=tiny", "precision=fp32,int8", "delegate=portable,xnnpack")
PAIR = (*GRID[:4], "precision=fp32,int8", "delegate=portable")
BRIEF = ("repeat=quick", "passes.load=1", "report.enabled=false", "hydra.sweep.dir=out")


def _results(folder: Path) -> list[Result]:
    found, unreadable = read_results([folder])
    assert not unreadable
    return [result for _, result in found]


def test_all_cells_of_a_grid_are_measured_in_the_same_blocks(tmp_path: Path) -> None:
    done = etbench(
        *GRID,
        "repeat.rounds=6",
        "repeat.rounds_s=60",
        "repeat.spread_s=0",
        "measure.block_max_s=600",
        "report.enabled=false",
        "hydra.sweep.dir=out",
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    results = _results(tmp_path / "out")
    assert len(results) == 4
    assert len({result.turn_id for result in results}) == 1
    assert {tuple(facts.block for facts in result.round_facts) for result in results} == {tuple(range(6))}
    starts = [[facts.started_s for facts in result.round_facts] for result in results]
    ends_of_blocks = [max(start[block] for start in starts) for block in range(6)]
    starts_of_blocks = [min(start[block] for start in starts) for block in range(6)]
    assert all(end < start for end, start in zip(ends_of_blocks, starts_of_blocks[1:], strict=False))
    manifest = json.loads((tmp_path / "out" / ".sweep" / "manifest.json").read_text())
    assert sorted(cell["cell_id"] for cell in manifest["cells"]) == sorted(r.cell_id for r in results)
    hydra_files = {path.name for path in (tmp_path / "out").glob("cells/*/.hydra/*")}
    assert hydra_files == {"config.yaml", "hydra.yaml", "overrides.yaml"}


@pytest.mark.parametrize("launcher", ["basic", "joblib", "submitit_local"])
def test_other_launchers_run_the_same_cells_one_by_one(launcher: str, tmp_path: Path) -> None:
    overrides = (*BRIEF, f"hydra/launcher={launcher}")
    done = etbench(*PAIR, *overrides, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    results = _results(tmp_path / "out")
    assert len({result.turn_id for result in results}) == len(results) == 2
    assert (tmp_path / "out" / "results.csv").exists()
    manifest = read_manifest(tmp_path / "out")
    assert manifest.finished_at is not None
    assert manifest.argv == [*PAIR, *overrides], "of the command, not of a process that a launcher started"
    assert {cell.cell_id for cell in manifest.cells} == {result.cell_id for result in results}


@pytest.mark.parametrize("launcher", ["joblib", "etbench"])
def test_what_another_launcher_did_not_come_to_is_done_by_resume(launcher: str, tmp_path: Path) -> None:
    overrides = (*BRIEF, "hydra/launcher=joblib")
    assert etbench(*PAIR, *overrides, cwd=tmp_path).returncode == 0
