"""The overrides that a sweep varied, in names, frames and comparisons."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from etbench.results import aggregate, compare_precisions, load_results, rank, to_frame
from etbench.results.comparison.pairing import cell_settings
from etbench.results.decision.decide import decide
from etbench.results.decision.rules import Rules
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.results.tables.labels import label_cells
from etbench.results.tables.varied import overrides_of, varied_words

MakeResult = Callable[..., Result]


@pytest.fixture
def widths(make_result: MakeResult, failed: Result) -> list[Result]:
    """A sweep of `model.width=1.0,0.5`, of which one cell failed."""
    cells = [
        make_result("net", precision, p50=p50, command=["model=net", f"+model.width={width}", "profile=true"])
        for width, precision, p50 in (("1.0", "fp32", 10.0), ("1.0", "int8", 5.0), ("0.5", "fp32", 4.0))
    ]
    broken = make_result(
        *("net", "int8"),
        status="failed",
        failure=failed.failure,
        **dict.fromkeys(("latency_ms", "artifact", "parity")),
        rounds=[],
        command=["model=net", "+model.width=0.5"],
    )
    return [*cells, broken]


def test_a_swept_value_is_part_of_each_name(widths: list[Result]) -> None:
    assert list(label_cells(to_frame(widths))["cell"]) == [
        "net, model.width=1.0 fp32 xnnpack",
        "net, model.width=1.0 int8 xnnpack",
        "net, model.width=0.5 fp32 xnnpack",
        "net, model.width=0.5 int8 xnnpack",
    ]
    settings = cell_settings(widths)
    assert [settings[id(one)] for one in widths] == [f"model.width={width}" for width in (1.0, 1.0, 0.5, 0.5)]


def test_a_failed_cell_does_not_rename_the_others(widths: list[Result]) -> None:
    named = list(label_cells(to_frame(widths))["cell"])[:3]
    assert named == list(label_cells(to_frame(widths[:3]))["cell"])


def test_cells_of_different_values_are_not_compared(widths: list[Result], tmp_path: Path) -> None:
    frame = to_frame(widths)
    (row,) = compare_precisions(frame).to_dict("records")
    assert (row["speedup"], row["varied"]) == (pytest.approx(2.0), "model.width=1.0")
    assert list(rank(frame)["varied"]) == ["model.width=0.5", "model.width=1.0", "model.width=1.0"]
    for number, result in enumerate(widths):
        write_result(result, tmp_path, str(number))
    (results, *_) = aggregate([tmp_path], tmp_path / "out")
    assert "model.width=0.5" in results.read_text()


def test_variants_of_a_precision_compete(make_result: MakeResult) -> None:
    cells = [
        make_result("net", "mixed", p50=p50, command=[f"precision.blocks={blocks}"], weights="mine")
        for blocks, p50 in ((2, 5.0), (4, 6.0))
    ]
    (answer,) = decide(cells, Rules.of("pte_bytes", {}))
    assert answer.setting == "net"
    assert {one.cell for one in answer.candidates} == {
        "net, precision.blocks=2 mixed xnnpack",
        "net, precision.blocks=4 mixed xnnpack",
    }


def test_what_only_tells_how_a_run_was_recorded_is_no_override_of_a_cell() -> None:
    command = ["--config-dir", "conf", "-m", "model=net", "tracking=mlflow", "threads=2", "++repeat.rounds=3"]
    assert overrides_of(command) == {"model": "net", "repeat.rounds": "3"}
    assert list(varied_words([("net", "fp32", "xnnpack")], [{"model": "net"}])) == [("", "")]


def test_folders_tell_repeated_cells_apart(make_result: MakeResult, tmp_path: Path) -> None:
    for folder, times in (("base", 1), ("new", 2)):
        for number in range(times):
            result = make_result(created_at=f"2026-01-0{number + 1}", p50=10 * len(folder) + number)
            write_result(result, tmp_path / "runs" / folder, "cell")
    frame = load_results(tmp_path)
    assert list(frame["sweep"]) == ["base", "new", "new"]
    assert sorted(label_cells(frame)["subject"]) == [
        "resnet18 (base)",
        "resnet18 (new) #1",
        "resnet18 (new) #2",
    ]
