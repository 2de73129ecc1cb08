"""The history of a cell over many sweeps: levels, changes, and what they are put down to."""

from __future__ import annotations

import io
import json
import random
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from etbench.cli.main import main
from etbench.results import to_frame
from etbench.results.charts.history import history_lines
from etbench.results.files.store import write_result
from etbench.results.history import CellHistory, cell_histories, history_table
from etbench.results.schema import Result
from etbench.stats import assess

MakeResult = Callable[..., Result]
SAMPLE = Path(__file__).parents[2] / "outputs" / "sample_history"


@pytest.fixture
def nights(make_result: MakeResult) -> Callable[..., list[Result]]:
    """A function that makes one result a night, of these latencies in ms."""

    def make(p50s: list[float], model: str = "resnet18", **more: object) -> list[Result]:
        noise = random.Random(model)
        results = []
        for night, p50 in enumerate(p50s):
            rounds = [[p50 * noise.uniform(0.99, 1.01)] for _ in range(30)]
            result = make_result(
                model,
                rounds=rounds,
                stability=assess(rounds),
                created_at=(datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=night)).isoformat(),
                **more,
            )
            results.append(result)
        return results

    return make


def _elsewhere(result: Result, **changes: object) -> Result:
    return msgspec.structs.replace(result, environment=msgspec.structs.replace(result.environment, **changes))


def _only(results: list[Result], *, across_machines: bool = False) -> CellHistory:
    (history,) = cell_histories(to_frame(results), across_machines=across_machines)
    return history


def test_a_change_is_put_down_to_what_differs_between_the_runs_beside_it(
    nights: Callable[..., list[Result]],
) -> None:
    results = nights([10.0] * 10 + [13.0] * 10)
    old, new = {"torch": "2.12.0", "executorch": "1.5.1"}, {"torch": "2.13.0", "executorch": "1.5.1"}
    results = [
        _elsewhere(result, libraries=new if night >= 10 else old, commit="a" * 40 if night < 10 else "b" * 40)
        for night, result in enumerate(results)
    ]
    history = _only(results)
    (change,) = history.changes
    assert change.ratio == pytest.approx(1.3, rel=0.01)
    assert change.low < 1.3 < change.high
    days = [day[:10] for day in (change.before, change.at, change.after)]
    assert days == ["2026-01-10", "2026-01-11", "2026-01-11"]
    assert change.what == ["commit aaaaaaaaaa to bbbbbbbbbb", "torch 2.12.0 to 2.13.0", "the same program"]
    assert [run.level_ms for run in history.runs] == pytest.approx([10.0] * 10 + [13.0] * 10, rel=0.01)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"host": "there"}, "host here to there"),
        ({"threads": 1}, "threads 2 to 1"),
        ({"runner": "native"}, "runner python to native"),
        ({"cpu": "another CPU"}, "cpu a CPU to another CPU"),
        ({"libraries": {}}, "torch 2.13.0 to unknown"),
        ({"commit": "c" * 40, "dirty": True}, "commit unknown to cccccccccc-dirty"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else None,
)
def test_any_recorded_condition_is_named(
    changes: dict[str, object], words: str, nights: Callable[..., list[Result]]
) -> None:
    results = nights([10.0] * 10 + [20.0] * 5)
    moved = [*results[:10], *(_elsewhere(result, **changes) for result in results[10:])]
    history = _only(moved, across_machines=True)
    assert [change.what for change in history.changes] == [[words, "the same program"]]


def test_the_order_is_that_of_time_and_cells_are_kept_apart(nights: Callable[..., list[Result]]) -> None:
    rising, steady = nights([10.0] * 15 + [20.0] * 10), nights([3.0] * 25, model="steady")
    young = nights([5.0] * 8, model="young")
    wild = nights([2.0, 50.0, 9.0, 300.0, 1.0, 30.0] * 4, model="wild")
    histories = cell_histories(to_frame([*reversed(rising), *steady, *young, *wild]))
    assert {history.name: (history.answer, len(history.changes)) for history in histories} == {
        "resnet18 fp32 xnnpack": ("changed", 1),
        "steady fp32 xnnpack": ("no change", 0),
        "wild fp32 xnnpack": ("too much noise", 0),
        "young fp32 xnnpack": ("too few runs", 0),
    }
    steps = {history.model: history.smallest_ratio for history in histories}
    assert 1.03 <= steps["steady"] < 1.05
    assert steps["resnet18"] is steps["young"] is None, "no level has lasted for twelve runs"
    assert histories[-1].runs[-1].level_ms is None


def test_what_was_swept_is_no_change(nights: Callable[..., list[Result]]) -> None:
    sweeps = zip(nights([4.0] * 12), nights([2.0] * 12), strict=True)
    results = [
        msgspec.structs.replace(_elsewhere(result, threads=threads), turn_id=f"night {night}")
        for night, sweep in enumerate(sweeps)
        for threads, result in enumerate(sweep, 1)
    ]
    found = cell_histories(to_frame(results))
    assert [history.name for history in found] == [
        "resnet18, 1 threads fp32 xnnpack",
        "resnet18, 2 threads fp32 xnnpack",
    ]
    assert [len(history.runs) for history in found] == [12, 12]
    assert [history.changes for history in found] == [[], []]


def test_each_machine_has_its_own_history(nights: Callable[..., list[Result]]) -> None:
    results = nights([10.0, 20.0] * 15)
    moved = [
        _elsewhere(result, cpu="slow CPU") if night % 2 else result for night, result in enumerate(results)
    ]
    found = cell_histories(to_frame(moved))
    assert [(history.answer, len(history.runs)) for history in found] == [("no change", 15)] * 2
    machines = ("on a CPU", "on slow CPU")
    assert all(machine in history.name for machine, history in zip(machines, found, strict=True))
    assert len(_only(moved, across_machines=True).runs) == 30


def test_an_unstable_run_weighs_less_and_does_not_vanish(nights: Callable[..., list[Result]]) -> None:
    results = nights([10.0] * 16 + [13.0] * 5)

    def disturbed(places: range) -> CellHistory:
        shares = [0.9] * 30
        return _only(
            [
                msgspec.structs.replace(result, stability=assess(result.rounds, other_cpu_shares=shares))
                if night in places
                else result
                for night, result in enumerate(results)
            ]
        )

    assert len(_only(results).changes) == 1
    history = disturbed(range(16, 21))
    assert history.changes == []
    assert [run.unstable for run in history.runs] == [False] * 16 + [True] * 5
    assert min(run.weight for run in history.runs[:16]) > 0.9
    assert 0 < max(run.weight for run in history.runs[16:]) < 0.1
    assert len(disturbed(range(21)).changes) == 1, "all runs are equally uncertain"


def test_smaller_changes_than_asked_for_are_left_out(nights: Callable[..., list[Result]]) -> None:
    frame = to_frame(nights([10.0] * 15 + [10.6] * 15))
    assert [len(cell_histories(frame, least_ratio=least)[0].changes) for least in (1.03, 1.1)] == [1, 0]


def test_failed_cells_and_summaries_do_not_break_it(
    nights: Callable[..., list[Result]], make_result: MakeResult, failed: Result
) -> None:
    summary = make_result("imported", source="flat", rounds=[], latency_ms=nights([5.0])[0].latency_ms)
    histories = cell_histories(to_frame([failed, summary, *nights([10.0])]))
    assert [history.name for history in histories] == ["imported fp32 xnnpack", "resnet18 fp32 xnnpack"]
    assert cell_histories(to_frame([failed])) == []
    assert history_table([]).empty


def test_the_chart_draws_runs_and_changes(nights: Callable[..., list[Result]]) -> None:
    frame = to_frame([*nights([3.0] * 20, model="even"), *nights([10.0] * 10 + [20.0] * 10)])
    picture = io.StringIO()
    history_lines(cell_histories(frame)).save(picture, format="svg")
    assert "2.00" in picture.getvalue(), "the ratio stands at the change"
    changed, even = (picture.getvalue().index(f">{name} fp32 xnnpack<") for name in ("resnet18", "even"))
    assert changed < even
    chart = history_lines(cell_histories(frame)).to_dict()
    assert "data" not in chart["spec"], "a panel with data of its own shows the runs of all cells"
    assert all("data" not in layer for layer in chart["spec"]["layer"])
    empty = io.StringIO()
    history_lines([]).save(empty, format="svg")
    assert "<svg" in empty.getvalue()


@pytest.fixture
def folder(tmp_path: Path, nights: Callable[..., list[Result]]) -> str:
    for night, result in enumerate(nights([10.0] * 10 + [20.0] * 5)):
        write_result(result, tmp_path / "in" / f"{night:02}", "cell")
    return str(tmp_path / "in")


def test_the_command_prints_a_table_and_writes_csv_and_picture(
    folder: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    assert main(["history", folder, "--out", str(tmp_path / "out")]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(len(line) for line in lines[1:] if not line.startswith("not shown")) <= 80
    whole = r" \d\d(\.\d+)? +\d\.\d{3} +\d\.\d{3} to \d\.\d{3} "
    assert any(re.search(whole, line) for line in lines), "level, ratio and its interval are not cut"
    table = pd.read_csv(tmp_path / "out" / "history.csv")
    assert len(table) == 15
    assert table["change"].notna().sum() == 1
    assert (tmp_path / "out" / "history.png").stat().st_size > 10_000


def test_the_command_speaks_json_and_markdown(folder: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", folder, "--format", "json"]) == 0
    (history,) = json.loads(capsys.readouterr().out)
    assert len(history["runs"]) == 15
    assert len(history["changes"]) == 1
    assert main(["history", folder, "--format", "markdown"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 3
    assert len({line.count("|") for line in lines}) == 1


def test_nothing_measured_is_bad_usage(
    tmp_path: Path, failed: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    write_result(failed, tmp_path, "failed")
    assert main(["history", str(tmp_path)]) == 2
    assert "no measured cell" in capsys.readouterr().err


def test_the_sample_has_one_change_at_the_commit_that_made_it(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["history", str(SAMPLE), "--format", "json"]) == 0
    (history,) = json.loads(capsys.readouterr().out)
    (change,) = history["changes"]
    assert any(words.startswith("commit ") for words in change["what"])
    assert 1.1 < change["low"] < change["high"] < 1.25, "two blocks more than eight, and what is around them"
    assert history["answer"] == "changed"


@pytest.mark.parametrize(
    ("value", "words"), [("3", "did you mean 3% or 0.03"), ("little", "not a valid share")]
)
def test_a_minimum_that_is_not_a_share_is_bad_usage(
    value: str, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["history", str(SAMPLE), "--min-change", value])
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err
