"""What was quantized, in the tables, in the report, and below the table of a single cell."""

from __future__ import annotations

import io
from collections.abc import Callable

import msgspec
import pandas as pd
import pytest
from rich.console import Console

from etbench.artifact import Quantized
from etbench.results import to_frame
from etbench.results.report import gather
from etbench.results.schema import Result
from etbench.terminal.remarks import print_details

MakeResult = Callable[..., Result]

QUANTIZED = Quantized(
    macs=1000,
    macs_share=0.994,
    weights_share=1 / 3,
    operators={"linear": 4},
    operators_in_float={"matmul": 2, "embedding": 1},
    layers_in_float={"attention": 0.006, "table": 0.0, **{f"more.{number}": 0.0 for number in range(5)}},
)
LAYERS = "attention (0.6 %), table, more.0, more.1, more.2 and 2 more"


@pytest.fixture
def quantized(make_result: MakeResult) -> Result:
    result = make_result(precision="int8")
    return msgspec.structs.replace(
        result, artifact=msgspec.structs.replace(result.artifact, quantized=QUANTIZED)
    )


def test_the_shares_and_the_largest_layers_in_float_are_columns(
    quantized: Result, make_result: MakeResult
) -> None:
    row, other = to_frame([quantized, make_result()]).to_dict("records")
    assert (row["quantized_macs_share"], row["quantized_weights_share"]) == (0.994, 1 / 3)
    assert row["layers_in_float"] == LAYERS
    assert pd.isna(other["quantized_macs_share"]), "fp32 quantizes nothing, and was not asked to"
    assert pd.isna(other["layers_in_float"])


def test_the_report_has_them_beside_the_delegation(quantized: Result, make_result: MakeResult) -> None:
    report = gather([quantized, make_result()])
    (coverage,) = next(section.numbers for section in report.sections if section.name == "coverage")
    texts = {label: [row[place].text for row in coverage.rows] for place, label in enumerate(coverage.labels)}
    assert texts["quantized % of multiply-accumulates"] == ["99.4", "-"]
    assert texts["layers in float"] == [LAYERS, "-"]
    assert "quantized % of weights" in report.cells.labels


def test_a_single_cell_shows_them_in_a_line(quantized: Result) -> None:
    printed = io.StringIO()
    print_details(quantized, "resnet18 int8 xnnpack", Console(file=printed, width=200))
    assert (
        "quantized of resnet18 int8 xnnpack: 99.4 % of the multiply-accumulates, 33.3 % of the weights; "
        f"in float: {LAYERS}" in printed.getvalue()
    )


def test_a_result_of_an_older_version_reads_as_before(quantized: Result) -> None:
    raw = msgspec.to_builtins(quantized)
    assert msgspec.convert(raw, Result) == quantized
    del raw["artifact"]["quantized"]
    assert msgspec.convert(raw, Result).artifact.quantized is None
