"""Tables with known answers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from etbench.results import (
    aggregate,
    compare_delegates,
    compare_precisions,
    fastest,
    load_results,
    pivot,
    rank,
    summary,
    to_frame,
)
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.results.tables.metrics import COLUMNS

MakeResult = Callable[..., Result]


@pytest.fixture
def frame(make_result: MakeResult, failed: Result) -> pd.DataFrame:
    """Two models in two precisions on two delegates, and a failed cell."""
    return to_frame(
        [
            make_result("resnet18", "fp32", "xnnpack", p50=10, pte_bytes=4000),
            make_result("resnet18", "int8", "xnnpack", p50=4, pte_bytes=1000, sqnr_db=30.0),
            make_result("resnet18", "fp32", "portable", p50=1000, pte_bytes=4100),
            make_result("resnet18", "int8", "portable", p50=2000, pte_bytes=1100),
            make_result("mobilenet_v2", "fp32", "xnnpack", p50=2),
            failed,
        ]
    )


def test_precisions_are_compared_with_fp32_of_the_same_model_and_delegate(frame: pd.DataFrame) -> None:
    table = compare_precisions(frame).set_index(["model", "precision", "delegate"])
    assert list(table.index) == [("resnet18", "int8", "portable"), ("resnet18", "int8", "xnnpack")]
    row = table.loc["resnet18", "int8", "xnnpack"]
    assert row["speedup"] == pytest.approx(2.5)
    assert row["size_ratio"] == pytest.approx(0.25)
    assert row["sqnr_db"] == 30.0
    assert table.loc["resnet18", "int8", "portable"]["speedup"] == pytest.approx(0.5)


def test_delegates_are_compared_with_portable_of_the_same_model_and_precision(frame: pd.DataFrame) -> None:
    table = compare_delegates(frame).set_index(["model", "precision", "delegate"])
    assert list(table.index) == [("resnet18", "fp32", "xnnpack"), ("resnet18", "int8", "xnnpack")]
    assert list(table["speedup"]) == pytest.approx([100, 500])
    assert list(table["delegated_share"]) == [0.75, 0.75]


@pytest.mark.parametrize(
    ("delegates", "base"),
    [
        (("portable", "xnnpack"), "portable"),
        (("onnxruntime", "portable", "xnnpack"), "xnnpack"),
        (("onnxruntime", "portable"), "portable"),
        (("onnxruntime", "litert"), "litert"),
    ],
)
def test_other_runtimes_are_compared_with_xnnpack(
    delegates: tuple[str, ...], base: str, make_result: MakeResult
) -> None:
    table = compare_delegates(to_frame([make_result(delegate=name) for name in delegates]))
    assert set(table["base"]) == {base}
    assert set(table["delegate"]) == set(delegates) - {base}


def test_ranking_is_fastest_first_overall_and_within_a_model(frame: pd.DataFrame) -> None:
    ranked = rank(frame)
    assert list(ranked["latency_p50_ms"]) == [2, 4, 10, 1000, 2000]
    assert list(ranked["rank"]) == [1, 2, 3, 4, 5]
    assert list(ranked["rank_in_model"]) == [1, 1, 2, 3, 4]
    assert list(fastest(frame)["model"]) == ["mobilenet_v2", "resnet18"]
    assert list(fastest(frame)["precision"]) == ["fp32", "int8"]
    assert {"latency_ci95_low_ms", "latency_ci95_high_ms"} <= set(ranked.columns) & set(
        fastest(frame).columns
    )


def test_pivot_has_a_row_a_model_and_a_column_a_precision_and_delegate(frame: pd.DataFrame) -> None:
    table = pivot(frame)
    assert table.loc["resnet18", ("int8", "xnnpack")] == 4
    assert pd.isna(table.loc["mobilenet_v2", ("int8", "xnnpack")])


def test_summary_keeps_failed_cells(frame: pd.DataFrame) -> None:
    table = summary(frame).set_index(["model", "precision", "delegate"])
    assert table.loc["gpt2", "int8", "xnnpack"]["status"] == "failed"
    assert len(table) == 6


def test_cells_of_other_conditions_are_never_compared(make_result: MakeResult) -> None:
    frame = to_frame(
        [
            make_result(precision="fp32", p50=10, shape=(1, 3, 224, 224)),
            make_result(precision="int8", p50=5, shape=(1, 3, 384, 384)),
            make_result(precision="int8", p50=5, weights="pretrained"),
        ]
    )
    assert compare_precisions(frame).empty


def test_a_base_measured_twice_counts_with_its_median(make_result: MakeResult) -> None:
    results = [make_result(p50=value) for value in (8, 10, 30)] + [make_result(precision="int8", p50=5)]
    assert list(compare_precisions(to_frame(results))["speedup"]) == [2.0]


@pytest.mark.parametrize("kept", ["none", "failed"])
def test_nothing_measured_gives_empty_tables(kept: str, failed: Result, tmp_path: Path) -> None:
    results = [failed] if kept == "failed" else []
    frame = to_frame(results)
    for table in (compare_precisions, compare_delegates, rank, fastest, pivot):
        assert table(frame).empty
    for result in results:
        write_result(result, tmp_path, "cell")
    assert len(aggregate([tmp_path], tmp_path)) == 6


def test_columns_have_unique_names_and_say_why_a_cell_failed(failed: Result) -> None:
    names = [column.name for column in COLUMNS]
    assert len(set(names)) == len(names)
    assert to_frame([failed])["reason"].item() == "no such op"


def test_load_results_reads_a_folder_and_names_what_it_leaves_out(
    tmp_path: Path, make_result: MakeResult, caplog: pytest.LogCaptureFixture
) -> None:
    write_result(make_result(), tmp_path, "good")
    (tmp_path / "bad.json").write_text("{")
    assert len(load_results(tmp_path)) == 1
    assert "bad.json" in caplog.text


def test_an_older_result_gets_interval_and_stability_from_its_rounds(
    make_result: Callable[..., Result],
) -> None:
    rounds = [[10.0], [10.1], [9.9], [10.0], [10.1]]
    whole = make_result(rounds=rounds)
    assert whole.latency_ms is not None
    bare = msgspec.structs.replace(whole.latency_ms, location=None, p50_ci95_low=None, p50_ci95_high=None)
    (row,) = to_frame([msgspec.structs.replace(whole, latency_ms=bare)]).to_dict("records")
    assert row["latency_ci95_low_ms"] == whole.latency_ms.p50_ci95_low
    assert row["stability"] == "stable"
