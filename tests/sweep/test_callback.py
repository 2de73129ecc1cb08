"""What closes a sweep: summary, tables, exit status; whatever became of its cells."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pandas as pd
import pytest
from omegaconf import OmegaConf
from running import BRIEF, CONF, etbench

from etbench.results.files.store import read_results, write_result
from etbench.results.schema import CellComparison, Result
from etbench.sweep import callback
from etbench.sweep.callback import ResultsCallback, sweep_outcome


def test_a_failing_cell_fails_the_sweep_and_no_other_cell(tmp_path: Path, scratch: Path) -> None:
    done = etbench(
        *("-m", "--config-dir", str(CONF), "model=tiny,unexportable", "delegate=portable,picky"),
        *("precision=fp32,int8", *BRIEF, "report.enabled=true", "hydra.sweep.dir=out"),
        cwd=tmp_path,
        TMPDIR=str(scratch),
    )
    assert done.returncode == 1, done.stderr
    results = [result for _, result in read_results([tmp_path / "out"])[0]]
    assert sorted(
        (result.model_name, result.precision_short, result.delegate, result.status) for result in results
    ) == [
        ("tiny", "fp32", "picky", "ok"),
        ("tiny", "fp32", "portable", "ok"),
        ("tiny", "int8", "picky", "skipped"),
        ("tiny", "int8", "portable", "ok"),
        ("unexportable", "fp32", "picky", "failed"),
        ("unexportable", "fp32", "portable", "failed"),
        ("unexportable", "int8", "picky", "skipped"),
        ("unexportable", "int8", "portable", "failed"),
    ]
    assert "3 cells failed at stage export" in done.stdout
    assert "2 cells skipped" in done.stdout
    assert done.stdout.count("this test says so") == 1, "a line for a kind of cells, not for a cell"
    report = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert "3 of 8 cells were measured" in report
    table = pd.read_csv(tmp_path / "out" / "results.csv")
    assert len(table) == 8
    assert table["latency_p50_ms"].notna().sum() == 3
    assert table.loc[table["status"] == "failed", "reason"].str.contains("data-dependent").all()


def test_a_table_that_cannot_be_made_is_no_success(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a fault of the tables")

    for name in ("print_summary", "_print_decision"):
        monkeypatch.setattr(callback, name, lambda *_: None)
    monkeypatch.setattr("etbench.results.tables.aggregation.aggregate", broken)
    config = OmegaConf.create({"report": {"enabled": True}})
    with pytest.raises(SystemExit) as ended:
        ResultsCallback().close_sweep(tmp_path, [(tmp_path / "a.json", object())], config)
    assert ended.value.code == 1
    printed, traceback = capsys.readouterr()
    assert "their tables could not be written: a fault of the tables" in printed
    assert "ZeroDivisionError" in traceback


def test_an_answer_that_is_unknown_for_every_model_takes_one_line(
    make_result: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cells = [
        make_result(model, precision) for model in ("resnet18", "gpt2") for precision in ("fp32", "int8")
    ]
    callback._print_decision(cells, tmp_path / "a sweep")
    printed = capsys.readouterr().out.splitlines()
    assert len(printed) == 1
    assert "the weights are random" in printed[0]
    assert printed[0].endswith(f"etbench decide '{tmp_path / 'a sweep'}'")

    trained = {"weights": "pretrained", "evaluation": {"top1": 0.8}}
    known = [make_result("digits", precision, **trained) for precision in ("fp32", "int8")]
    callback._print_decision([*cells, *known], tmp_path)
    table = capsys.readouterr().out
    assert all(f"\n{model}" in table for model in ("resnet18", "gpt2", "digits"))


def _comparison(decision: str) -> CellComparison:
    return CellComparison(
        **{"model": "m", "precision": "fp32", "delegate": "xnnpack", "base_ms": 1.0, "new_ms": 1.0},
        **{"how": "in turn", "ratio": 1.0, "low": None, "high": None, "verdict": "inconclusive"},
        regression=decision == "regression",
        decision=decision,
    )


@pytest.mark.parametrize(
    ("statuses", "decisions", "status"),
    [
        (["ok"], [], 0),
        (["skipped", "built"], [], 0),
        ([], [], 1),
        (["ok", "failed"], ["regression", "undecided"], 1),
        (["wrong"], [], 1),
        (["ok", "ok", "ok"], ["regression", "undecided", "passed"], 3),
        (["ok", "ok"], ["undecided", "passed"], 4),
        (["ok"], ["passed"], 0),
    ],
)
def test_a_sweep_ends_with_the_first_status_that_applies(
    statuses: list[str], decisions: list[str], status: int, make_result: Callable[..., Result]
) -> None:
    results = [msgspec.structs.replace(make_result(), status=one) for one in statuses]
    cells = [_comparison(decision) for decision in decisions]
    assert sweep_outcome(results, cells).status == status
    allowed = [msgspec.structs.replace(one, config={"allow_undecided": True}) for one in results]
    outcome = sweep_outcome(allowed, cells)
    assert outcome.status == (0 if status == 4 else status)
    assert (outcome.heading == "undecided (allowed)") == (status == 4)


def test_a_cell_without_a_comparison_that_was_asked_for_is_undecided_or_missing(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    write_result(make_result(), tmp_path, "a")
    asked = {"compare_to": str(tmp_path)}
    assert sweep_outcome([make_result(config=asked)], []).applies == ["undecided"]
    assert sweep_outcome([make_result()], [], str(tmp_path)).applies == ["undecided"], "of a resumed sweep"
    assert sweep_outcome([make_result(config=asked, status="skipped")], []).applies == ["missing"]
    unknown = make_result("another", config=asked, status="skipped")
    assert sweep_outcome([unknown], []).applies == [], "the baseline does not have it either"


def test_a_second_sweep_into_the_same_folder_keeps_both(tmp_path: Path) -> None:
    for _ in range(2):
        done = etbench(
            *(
                "-m",
                "--config-dir",
                str(CONF),
                "model=tiny",
                *BRIEF,
                "hydra.sweep.dir=out",
                "repeat.runs=3,4",
            ),
            cwd=tmp_path,
        )
        assert done.returncode == 0, done.stderr
        rows = [line.split("  ")[0] for line in done.stdout.splitlines() if line.startswith("tiny")]
        names = [f"tiny, repeat.runs={runs} fp32 xnnpack" for runs in (3, 4)]
        assert sorted(rows) == names, "the summary is of this sweep only"
    assert len(pd.read_csv(tmp_path / "out" / "results.csv")) == 4
    assert not (tmp_path / "out" / "report.html").exists(), "it was not wanted"
