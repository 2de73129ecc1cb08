"""A grid given to the launcher at once: planned, built, measured in turn; and cell by cell by Hydra's own."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import msgspec
import pytest
from rich.console import Console, Group
from running import BRIEF, CONF, TESTS, etbench, refusal_of

from etbench import compose
from etbench.config import Cell
from etbench.engine.run import run_cells
from etbench.errors import ConfigError
from etbench.events import Event
from etbench.results.files.store import read_results
from etbench.results.schema import Result
from etbench.sweep.eta import Estimate
from etbench.sweep.lines import SweepLines
from etbench.sweep.manifest import read_manifest
from etbench.sweep.view import _LiveView

GRID = ("-m", "--config-dir", str(CONF), "model=tiny", "precision=fp32,int8", "delegate=portable,xnnpack")
PAIR = (*GRID[:4], "precision=fp32,int8", "delegate=portable")
OUT = "hydra.sweep.dir=out"


def _results(folder: Path) -> list[Result]:
    found, unreadable = read_results([folder])
    assert not unreadable
    return [result for _, result in found]


def test_all_cells_of_a_grid_are_measured_in_the_same_blocks(tmp_path: Path) -> None:
    done = etbench(
        *(*GRID, *BRIEF, OUT),
        *("repeat=recommended", "repeat.rounds=6", "repeat.rounds_s=60", "repeat.spread_s=0"),
        "measure.block_max_s=600",
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
    overrides = (*BRIEF, OUT, f"hydra/launcher={launcher}")
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
    overrides = (*BRIEF, OUT, "hydra/launcher=joblib")
    assert etbench(*PAIR, *overrides, cwd=tmp_path).returncode == 0
    kept = _results(tmp_path / "out")
    (tmp_path / "out" / "tiny_int8_portable.json").unlink()
    manifest = read_manifest(tmp_path / "out")
    cells = [
        cell for cell in manifest.cells if cell.stem != "tiny_int8_portable"
    ]  # as if it was killed there
    msgspec.structs.replace(manifest, cells=cells, finished_at=None).write(tmp_path / "out")
    done = etbench("-m", "sweep.resume=out", f"hydra/launcher={launcher}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    before = {result.cell_id: result.created_at for result in kept}
    after = {result.cell_id: result.created_at for result in _results(tmp_path / "out")}
    assert before.keys() == after.keys()
    assert [cell_id for cell_id in after if after[cell_id] != before[cell_id]] == [
        result.cell_id for result in kept if (result.precision_short, result.delegate) == ("int8", "portable")
    ]


def test_a_cell_that_is_asked_for_twice_is_run_once(tmp_path: Path) -> None:
    done = etbench(*GRID[:4], "threads=1,1", *BRIEF, OUT, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(_results(tmp_path / "out")) == 1


def test_faults_that_only_a_whole_cell_shows_are_refused_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "one.txt").write_text("One.\n")
    texts = f"calibration.text={tmp_path / 'one.txt'},{tmp_path / 'two.txt'}"
    assert "two.txt: no such file" in refusal_of(*GRID[:4], texts, cwd=tmp_path)


def test_cells_of_any_kind_can_be_run_from_python(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    overrides = (
        ["model=tiny", "repeat=quick"],
        ["model=tiny", "repeat=quick", "threads=1"],
        ["model=unexportable"],
    )
    cells = [compose(one, config_dir=CONF) for one in overrides]
    events: list[Event] = []
    outcomes = run_cells(cells, out_dir=tmp_path / "out", on_event=events.append)
    assert [outcome.result.status for outcome in outcomes] == ["ok", "ok", "failed"]
    assert outcomes[0].result.artifact == outcomes[1].result.artifact
    finished = {event.cell_id for event in events if event.kind == "cell_finished"}
    assert finished == {cell.cell_id for cell in cells}
    assert run_cells([]) == []
    gone = compose(["model=tiny"], config_dir=CONF)
    with pytest.raises(ConfigError, match="no such file"):
        run_cells([_comparing_with(gone, tmp_path / "nothing")], out_dir=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def _comparing_with(cell, path: Path):
    return msgspec.structs.replace(cell, compare_to=str(path))


def _events(cell_id: str) -> list[Event]:
    return [
        Event(kind="stage_started", stage="lower", cell_id=cell_id),
        Event(kind="program_ready", message="built", cell_id=cell_id),
        Event(kind="round", stage="time", done=3, of=30, p50_ms=1.25, cell_id=cell_id),
        Event(kind="cell_finished", status="ok", cell_id=cell_id, seconds=2.0),
    ]


def test_the_live_view_shows_where_each_cell_is() -> None:
    cells = [compose([f"model={name}"]) for name in ("resnet18", "mobilenet_v2")]
    view = _LiveView(cells, Console(file=io.StringIO(), force_terminal=True, width=120, height=40))
    shown = []
    for event in _events(cells[0].cell_id):
        view(event)
        view.live.console.print(view.drawn())
        shown.append(view.live.console.file.getvalue())
        view.live.console.file.truncate(0)
    for text, words in zip(shown, ["lowering", "program built", "3/30", "ok"], strict=True):
        assert words in text
    assert "1.25" in shown[2]
    assert "1 of 2 cells" in shown[3]
    assert "waiting" in shown[3]
    assert "left" in shown[3]


def _thirty() -> list[Cell]:
    cell = compose(["model=resnet18"])
    return [
        msgspec.structs.replace(cell, repeat=msgspec.structs.replace(cell.repeat, runs=runs))
        for runs in range(1, 31)
    ]


def test_a_live_sweep_taller_than_the_screen_moves_on_to_where_something_happens() -> None:
    cells = _thirty()
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=14)
    clock = iter(range(0, 10_000, 10))
    view = _LiveView(cells, console, now=lambda: float(next(clock)))

    def rows_shown() -> list[str]:
        return [line.rstrip() for line in _plain(view.drawn(), console)]

    first = rows_shown()
    assert len(first) <= 14 - 1
    assert "… 20 below" in first
    view(Event(kind="round", stage="time", done=3, of=30, p50_ms=1.25, cell_id=cells[25].cell_id))
    moved = rows_shown()
    assert any("3/30" in line and "1.25" in line for line in moved)
    assert "… 20 above" in moved
    assert moved[-1].startswith("0 of 30 cells")


@pytest.mark.parametrize("width", [80, 60, 40])
def test_the_live_view_cuts_words_of_a_stage_and_no_figure(width: int) -> None:
    cells = _thirty()[:3]
    console = Console(file=io.StringIO(), force_terminal=True, width=width, height=14)
    view = _LiveView(cells, console, now=lambda: 0.0)
    view(Event(kind="stage_started", stage="import", cell_id=cells[0].cell_id))
    view(Event(kind="round", stage="time", done=1000, of=2000, p50_ms=12345.0, cell_id=cells[1].cell_id))
    shown = "\n".join(_plain(view.drawn(), console))
    assert "importi" in shown
    assert "1000/2000" in shown
    assert "12345" in shown
    assert max(map(len, shown.splitlines())) <= width


def _plain(drawn: Group, console: Console) -> list[str]:
    with console.capture() as captured:
        console.print(drawn)
    return re.sub(r"\x1b\[[0-9;]*m", "", captured.get()).splitlines()


def test_rows_stay_where_they_are_while_something_happens_in_them() -> None:
    cells = _thirty()
    console = Console(file=io.StringIO(), force_terminal=True, width=60, height=14)
    view = _LiveView(cells, console, now=lambda: 0.0)
    for number in (2, 25):
        view(Event(kind="round", stage="time", done=3, of=30, p50_ms=1.25, cell_id=cells[number].cell_id))
    assert "… 20 below" in [line.rstrip() for line in _plain(view.drawn(), console)]


def test_without_a_terminal_a_sweep_prints_a_line_for_what_matters() -> None:
    cells = [compose(["model=resnet18", f"precision={name}"]) for name in ("fp32", "int8")]
    out, seconds = io.StringIO(), [0.0]
    lines = SweepLines(cells, Console(file=out, width=200), now=lambda: seconds[0])
    cell_id = cells[1].cell_id
    about = {"weights": "random weights", "data": "etbench's sample photographs"}
    lines(Event(kind="cell_started", message=cell_id, cell_id=cell_id, **about))
    for stage in ("import", "load", "lower"):
        lines(Event(kind="stage_started", stage=stage, cell_id=cell_id))
        lines(Event(kind="stage_finished", stage=stage, seconds=1.0, cell_id=cell_id))
    seconds[0] = 7.0
    lines(Event(kind="program_ready", message="built", cell_id=cell_id))
    for done in range(1, 31):
        seconds[0] += 1.0
        lines(Event(kind="round", stage="time", done=done, of=30, p50_ms=1.25, cell_id=cell_id))
    lines(Event(kind="cell_finished", status="ok", message="out/a.json", cell_id=cell_id, seconds=37.0))
    said = [line.split(" xnnpack: ") for line in out.getvalue().splitlines()]
    assert {head for head, _ in said} == {"[2/2] resnet18 int8"}
    words = [re.sub(r", about .* left$", ", about … left", text) for _, text in said]
    assert words == [
        "building (random weights; etbench's sample photographs), about … left",
        "program built in 7 s",
        *(f"timing {done}/30, about … left" for done in (4, 15, 26)),
        "ok in 37 s: out/a.json",
    ]


def test_the_time_of_a_build_that_shares_its_export_is_its_own() -> None:
    cells = [compose(["model=resnet18", f"precision={name}"]) for name in ("fp32", "int8")]
    out, seconds = io.StringIO(), [0.0]
    lines = SweepLines(cells, Console(file=out, width=200), now=lambda: seconds[0])
    for cell, stages in zip(cells, (("load", "export", "lower"), ("quantize", "lower")), strict=True):
        for stage in stages:
            lines(Event(kind="stage_started", stage=stage, cell_id=cell.cell_id))
            seconds[0] += 10.0
        lines(Event(kind="program_ready", message="built", cell_id=cell.cell_id))
    said = [line for line in out.getvalue().splitlines() if "program" in line]
    assert said == [
        "[1/2] resnet18 fp32 xnnpack: program built in 30 s",
        "[2/2] resnet18 int8 xnnpack: program built in 20 s",
    ]


def test_the_estimate_shrinks_with_what_is_done_and_ends_with_nothing_left() -> None:
    cell = compose(["model=resnet18"])
    estimate = Estimate([cell])
    left = [estimate.left_s()]
    for event in _events(cell.cell_id):
        estimate.take(event)
        left.append(estimate.left_s())
    assert left[0] >= left[1] > left[2] > 0
    assert left[-1] is None
    assert estimate.building == 0


@pytest.mark.parametrize(("precisions", "builds_s"), [(1, 60.0), (3, 90.0)])
def test_several_builders_do_not_make_a_single_build_faster(
    precisions: int, builds_s: float, tmp_path: Path
) -> None:
    names = ["fp32", "fp16", "int8"][:precisions]
    same = ["model=resnet18", "sweep.builders=2", f"cache.dir={tmp_path}"]
    cells = [compose([*same, f"precision={name}"]) for name in names]
    left_s = Estimate(cells).left_s()
    assert left_s == pytest.approx(builds_s + sum(cell.repeat.rounds_s for cell in cells))
