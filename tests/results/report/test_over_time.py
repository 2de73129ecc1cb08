"""What a report says of earlier runs, of the machines, and of cells that cannot be used."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from etbench.results.files.store import read_results
from etbench.results.report import gather
from etbench.results.report.content import Report
from etbench.results.report.environments import environment_grids
from etbench.results.report.grid import Grid
from etbench.results.schema import Result

MakeResult = Callable[..., Result]
OUTPUTS = Path(__file__).parents[3] / "outputs"


def _report(folder: Path) -> Report:
    found, _ = read_results([folder])
    return gather((result for _, result in found), [path for path, _ in found])


def _texts(grid: Grid) -> list[list[str]]:
    return [[entry.text for entry in row] for row in grid.rows]


def test_many_runs_of_a_cell_have_a_trend_with_its_changes() -> None:
    sections = {section.name: section for section in _report(OUTPUTS / "sample_history").sections}
    trend = sections["trend"]
    ((cell, runs, *_, what),) = _texts(trend.numbers[0])
    assert (cell, runs) == ("tower fp32 xnnpack", "13")
    assert "another program" in what
    assert len(trend.specs) == 1
    assert "baseline" not in sections


def test_verdicts_of_interleaved_cells_are_named_after_their_folders() -> None:
    report = _report(OUTPUTS / "sample_versions")
    (baseline,) = [section for section in report.sections if section.name == "baseline"]
    assert [row[0] for row in _texts(baseline.numbers[0])] == [
        "tower (new) fp32 xnnpack",
        "tower (same) fp32 xnnpack",
    ]
    assert not [section for section in report.sections if section.name == "trend"]


def test_environments_have_their_common_facts_once(make_result: MakeResult) -> None:
    (common,) = environment_grids([make_result(), make_result()])
    assert ["torch", "2.13.0"] in _texts(common)
    environment = msgspec.structs.replace(make_result().environment, libraries={"torch": "2.14.0"}, threads=4)
    common, apart = environment_grids([make_result(), make_result(), make_result(environment=environment)])
    assert not {row[0] for row in _texts(common)} & {"torch", "threads"}
    assert apart.labels == ["cells", "threads", "torch"]
    assert _texts(apart) == [["2", "2", "2.13.0"], ["1", "4", "2.14.0"]]
    assert not environment_grids([])[0].rows


def test_wrong_and_failed_cells_come_first(make_result: MakeResult, failed: Result) -> None:
    wrong = msgspec.structs.replace(make_result("z"), status="wrong")
    report = gather([make_result("a"), failed, wrong])
    assert [row[0] for row in _texts(report.cells)] == ["z", "gpt2", "a"]
    assert report.cells.bad == [0, 1]
    assert report.summary.points[0].title == "Failed"
