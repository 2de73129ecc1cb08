"""Comparisons and decisions as frames."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from etbench.errors import EtbenchError
from etbench.measure.pass_results import ItemAnswers
from etbench.results import compare, decide
from etbench.results.analysis.verdicts import OF_COMPARED, OF_DECIDED
from etbench.results.files.store import write_result
from etbench.results.schema import Result

MakeResult = Callable[..., Result]


def _written(results: list[Result], folder: Path) -> Path:
    for number, result in enumerate(results):
        write_result(result, folder, str(number))
    return folder


def test_a_comparison_has_a_row_for_every_cell(
    make_result: MakeResult, failed: Result, tmp_path: Path
) -> None:
    base = _written(
        [make_result(), make_result(precision="int8"), make_result("gpt2", "int8")], tmp_path / "base"
    )
    new = _written([make_result(p50=20.0), failed, make_result("mobilenet_v2")], tmp_path / "new")
    table = compare(base, new).set_index("cell")
    assert [table.index.name, *table.columns] == list(OF_COMPARED)
    assert not table.dtypes.eq("object").any()
    assert table["decision"].to_dict() == {
        "resnet18 fp32 xnnpack": "undecided",
        "gpt2 int8 xnnpack": "failed",
        "resnet18 int8 xnnpack": "missing",
        "mobilenet_v2 fp32 xnnpack": "new",
    }
    assert table.loc["resnet18 fp32 xnnpack", "ratio"] == pytest.approx(2.0)
    assert "no such op" in table.loc["gpt2 int8 xnnpack", "reason"]
    assert str(base) in table.loc["resnet18 fp32 xnnpack", "advice"]


def test_a_decision_has_a_row_for_every_cell(make_result: MakeResult, failed: Result, tmp_path: Path) -> None:
    cells = [
        make_result(weights="mine", evaluation={"top1": 0.9}),
        make_result(precision="int8", p50=4.0, pte_bytes=100, weights="mine", evaluation={"top1": 0.8}),
        make_result(precision="fp16", pte_bytes=200, sqnr_db=3.0, weights="mine", evaluation={"top1": 0.9}),
    ]
    _written([*cells, failed], tmp_path)
    table = decide(tmp_path, objective="pte_bytes", bounds={"sqnr_db": ">=20"})
    assert list(table.columns) == [*OF_DECIDED, "eval_top1"]
    assert not table.dtypes.eq("object").any()
    by_cell = table.set_index(["cell"])
    assert by_cell["role"].to_dict() == {
        "resnet18 int8 xnnpack": "ship",
        "resnet18 fp32 xnnpack": "runner-up",
        "resnet18 fp16 xnnpack": "ruled out",
        "gpt2 int8 xnnpack": "ruled out",
    }
    assert "sqnr_db" in by_cell.loc["resnet18 fp16 xnnpack", "why"]
    assert by_cell.loc["gpt2 int8 xnnpack", "precision"] == "int8"
    assert by_cell.loc["resnet18 int8 xnnpack", "eval_top1"] == 0.8
    assert decide(tmp_path, where="precision=fp32")["cell"].tolist() == ["resnet18 fp32 xnnpack"]


def test_a_cell_that_may_break_a_bound_says_why_and_the_safe_one_is_named(
    make_result: MakeResult, tmp_path: Path
) -> None:
    def judged(precision: str, size: int, right: int) -> Result:
        answers = ItemAnswers.of(np.arange(200) < right, "a" * 64)
        figures = {"evaluation": {"top1": answers.share}, "evaluation_items": {"top1": answers}}
        return make_result(precision=precision, pte_bytes=size, weights="mine", **figures)

    _written([judged("fp32", 9, 190), judged("int8", 1, 189)], tmp_path)
    by_cell = decide(tmp_path, objective="pte_bytes").set_index("cell")
    assert by_cell["role"].to_dict() == {"resnet18 int8 xnnpack": "close", "resnet18 fp32 xnnpack": "safe"}
    assert "200 items do not decide it" in by_cell.loc["resnet18 int8 xnnpack", "why"]


def test_a_bound_that_is_not_valid_is_named(make_result: MakeResult, tmp_path: Path) -> None:
    _written([make_result()], tmp_path)
    with pytest.raises(EtbenchError, match="sqnr_dbb"):
        decide(tmp_path, bounds={"sqnr_dbb": ">=20"})


def test_no_results_give_an_empty_frame(tmp_path: Path) -> None:
    assert decide(tmp_path).empty
    assert compare(tmp_path, tmp_path).empty
