"""Figures of accuracy functions: columns of every table, marked if they say nothing, judged item by item."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pandas as pd
import pytest

from etbench.cli.main import main
from etbench.errors import EtbenchError
from etbench.measure.pass_results import ItemAnswers
from etbench.results import aggregate, compare_accuracy, load_results, to_frame
from etbench.results.comparison.gate import check_conditions, parse_condition
from etbench.results.decision.objective import objective_value
from etbench.results.files.store import write_result
from etbench.results.report import gather
from etbench.results.report.markdown import markdown_comment
from etbench.results.schema import Result
from etbench.results.tables.accuracy import ACCURACY_COLUMNS, accuracy_changes

MakeResult = Callable[..., Result]
ITEMS = 897


def answers(lost: int, won: int, *, key: str = "a", items: int = ITEMS) -> ItemAnswers:
    """Answers that lose and win so many items against `answers(0, 0)`, of which ten are wrong."""
    correct = np.ones(items, bool)
    correct[won:10] = False
    correct[10 : 10 + lost] = False
    return ItemAnswers.of(correct, key * 64)


@pytest.fixture
def digits(make_result: MakeResult) -> Callable[..., Result]:
    """A function that makes a result of the digits model with trained weights."""

    def make(precision: str = "fp32", lost: int = 0, won: int = 0, **more: Any) -> Result:
        top1 = answers(lost, won, **{name: more.pop(name) for name in ("key", "items") if name in more})
        figures = {"top1": top1.share, "loss": 0.25}
        made = make_result("digits", precision, evaluation=figures, evaluation_items={"top1": top1})
        return msgspec.structs.replace(made, **({"weights": "pretrained", "turn_id": "t"} | more))

    return make


@pytest.fixture
def sweep(digits: Callable[..., Result], make_result: MakeResult, failed: Result) -> list[Result]:
    """Three precisions, a cell without an accuracy, and one that failed."""
    return [
        digits(),
        digits("int8", 8, 2),
        digits("int8_per_tensor", 133, 0),
        make_result("resnet18", weights="pretrained"),
        failed,
    ]


def test_every_figure_is_a_column_with_an_interval_if_it_is_a_share_of_items(sweep: list[Result]) -> None:
    frame = to_frame(sweep)
    assert frame["eval_top1"].tolist()[:3] == pytest.approx([887 / ITEMS, 881 / ITEMS, 754 / ITEMS])
    assert frame["eval_top1"].isna().tolist() == [False] * 3 + [True] * 2
    assert frame["eval_top1_ci95_low"][0] == pytest.approx(0.9796, abs=1e-4)
    assert frame["eval_loss"].dropna().tolist() == [0.25] * 3
    assert "eval_loss_ci95_low" not in frame
    assert not [name for name in to_frame(sweep[3:]) if name.startswith("eval_")]


def test_tables_have_the_figures_also_if_they_are_read_from_the_index(
    sweep: list[Result], tmp_path: Path
) -> None:
    for number, result in enumerate(sweep):
        write_result(result, tmp_path, str(number))
    first = {path.name: path.read_text() for path in aggregate([tmp_path], tmp_path) if path.suffix == ".csv"}
    again = {path.name: path.read_text() for path in aggregate([tmp_path], tmp_path) if path.suffix == ".csv"}
    assert first == again
    rows = list(csv.DictReader(first["results.csv"].splitlines()))
    assert sorted(row["eval_top1"][:5] for row in rows) == ["", "", "0.840", "0.982", "0.988"]
    assert {row["weights"] for row in rows if row["eval_top1"]} == {"pretrained"}
    for name in ("ranking", "precision_comparison"):
        assert {"eval_top1", "eval_loss", "weights"} <= set(pd.read_csv(tmp_path / f"{name}.csv"))
    judged = pd.read_csv(tmp_path / "accuracy.csv").set_index(["precision", "figure"])
    assert judged.loc[("int8", "top1"), "verdict"] == "undecided"
    assert judged.loc[("int8_per_tensor", "top1"), ["lost", "won"]].tolist() == [133, 0]
    assert load_results(tmp_path)["eval_top1"].notna().sum() == 3


def test_a_share_is_judged_on_the_items_in_which_it_differs_from_fp32(sweep: list[Result]) -> None:
    found = {
        (one.cell["precision"], one.figure): (one.verdict, one.words)
        for one in accuracy_changes(to_frame(sweep))
    }
    assert found == {
        ("int8", "top1"): ("undecided", "undecided: 897 items can only show a loss of 0.78 pp or more"),
        ("int8", "loss"): ("not known by item", "not judged: not known by item"),
        ("int8_per_tensor", "top1"): ("worse", "worse"),
        ("int8_per_tensor", "loss"): ("not known by item", "not judged: not known by item"),
    }
    table = compare_accuracy(to_frame(sweep))
    assert list(table) == list(ACCURACY_COLUMNS)
    assert table["change"].round(4).tolist() == [-0.0067, 0, -0.1483, 0]


def test_several_cells_share_the_error_of_their_verdicts(digits: Callable[..., Result]) -> None:
    (alone,) = _judged([digits(), digits("int8", 6, 0)])
    assert (alone.verdict, alone.p_value) == ("worse", 0.03125)
    both = _judged([digits(), digits("int8", 6, 0), digits("fp16")])
    assert [one.verdict for one in both] == ["undecided", "undecided"]


def _judged(results: list[Result]) -> list[Any]:
    return [one.shares for one in accuracy_changes(to_frame(results)) if one.shares]


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"weights": "random"}, "random weights"),
        ({"key": "b"}, "other items"),
        ({"items": 896}, "other items"),
        ({"evaluation_items": {}}, "not known by item"),
        (
            {"evaluation_items": {"top1": msgspec.structs.replace(answers(9, 0), correct="AAAA")}},
            "not known by item",
        ),
        (
            {"evaluation_items": {"top1": msgspec.structs.replace(answers(9, 0), correct="é*")}},
            "not known by item",
        ),
    ],
)
def test_what_cannot_be_judged_is_not(more: dict[str, Any], why: str, digits: Callable[..., Result]) -> None:
    random = {"weights": "random"} if "weights" in more else {}
    (top1, _) = accuracy_changes(to_frame([digits(**random), digits("int8", 300, 0, **more)]))
    assert (top1.shares, top1.verdict) == (None, why)


def test_a_cell_that_is_wrong_has_no_verdict(digits: Callable[..., Result]) -> None:
    assert accuracy_changes(to_frame([digits(), digits("int8", 300, 0, status="wrong")])) == []


@pytest.mark.parametrize(
    ("condition", "violated"),
    [
        ("eval_top1<-0.5pp", True),
        ("eval_top1<-1pp", False),
        ("eval_top1<-0.5%", True),
        ("eval_top1 < -0.01", False),
        ("eval_loss>+0.1", False),
    ],
)
def test_a_condition_can_be_on_a_figure(
    condition: str, violated: bool, digits: Callable[..., Result]
) -> None:
    found = check_conditions([parse_condition(condition)], [(digits(), digits(lost=8, won=2))])
    assert [one.condition for one in found] == ([condition] if violated else [])


def test_a_condition_on_a_figure_that_the_baseline_lacks_can_never_fail(
    digits: Callable[..., Result],
) -> None:
    with pytest.raises(EtbenchError, match=r"can never fail: .*eval_top5"):
        check_conditions([parse_condition("eval_top5<-1pp")], [(digits(), digits())])
    with pytest.raises(EtbenchError, match="there is no metric 'eval_'"):
        parse_condition("eval_<-1")


def test_a_figure_is_an_objective_and_a_bound(digits: Callable[..., Result], make_result: MakeResult) -> None:
    result = digits(lost=8, won=2)
    assert objective_value(result, "eval_top1", {}) == pytest.approx(0.9822, abs=1e-4)
    assert objective_value(result, "pte_bytes", {"eval_top1": ">=98%"}) == 1_000
    assert objective_value(result, "pte_bytes", {"eval_top1": ">=0.985"}) == np.inf
    assert objective_value(make_result(), "pte_bytes", {"eval_top1": ">=50%"}) == np.inf


@pytest.fixture
def show(sweep: list[Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    for number, result in enumerate(sweep):
        write_result(result, tmp_path, str(number))

    def shown(*arguments: str) -> str:
        assert main(["show", str(tmp_path), *arguments]) == 0
        return capsys.readouterr().out

    return shown


def test_show_has_the_figures_and_what_they_lose(show: Callable[..., str]) -> None:
    table = show()
    head = table.splitlines()[0].split()
    assert {"eval_top1", "eval_loss"} <= set(head)
    assert "98.89%" in table
    (line,) = [one for one in table.splitlines() if "-0.67 pp" in one]
    assert line.split()[:4] == ["digits", "int8", "xnnpack", "top1"]
    assert "-14.83 pp" in table and "worse" in table
    assert "95 % for all of them together" in table


def test_show_sorts_by_a_figure_and_writes_it_in_every_format(show: Callable[..., str]) -> None:
    lines = show("--columns", "cell,eval_top1", "--sort", "eval_top1").splitlines()[2:5]
    assert [line.split()[-1] for line in lines] == ["84.06%", "98.22%", "98.89%"]
    rows = list(csv.DictReader(show("--format", "csv").splitlines()))
    assert sorted(row["eval_top1"][:4] for row in rows) == ["", "", "0.84", "0.98", "0.98"]
    assert '"eval_top1": 0.98' in show("--format", "json", "--columns", "eval_top1")
    assert "| eval_top1 |" in show("--format", "markdown")


def test_a_figure_of_random_weights_is_marked_wherever_it_is_shown(
    digits: Callable[..., Result], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results = [digits(weights="random"), digits("int8", 8, 2, weights="random")]
    for number, result in enumerate(results):
        write_result(result, tmp_path, str(number))
    assert main(["show", str(tmp_path)]) == 0
    table = capsys.readouterr().out
    assert "98.89% (random)" in table and "not judged: random weights" in table
    assert main(["show", str(tmp_path / "0.json")]) == 0
    assert "top1 98.89% (random) of 897 items (95 %: 97.96% to 99.39%)" in capsys.readouterr().out
    report = gather(results)
    for grid in (*report.sections[0].numbers[1:], report.cells, report.ranking):
        assert "98.89% (random weights)" in {entry.text for row in grid.rows for entry in row}, grid.caption
    assert set(compare_accuracy(to_frame(results))["weights"]) == {"random"}


def test_the_report_has_a_section_of_the_accuracy(sweep: list[Result]) -> None:
    report = gather(sweep)
    section = report.sections[0]
    assert section.title == "Accuracy"
    changes, figures = section.numbers
    texts = [[entry.text for entry in row] for row in changes.rows]
    assert ["digits", "int8_per_tensor", "xnnpack", "top1", "0.989", "0.841", "-14.8"] in [
        one[:7] for one in texts
    ]
    assert [row[3].text for row in figures.rows] == ["98.89%", "98.22%", "84.06%"]
    assert "98.22%" in markdown_comment(report)
    assert "Accuracy" not in {one.title for one in gather(sweep[3:]).sections}
