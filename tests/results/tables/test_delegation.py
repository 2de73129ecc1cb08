"""delegation.csv: which operators the delegate took, which it left, what those cost and why."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pandas as pd
import pytest

from etbench.artifact import Delegation
from etbench.measure.pass_results import Operator, Profile
from etbench.results import aggregate, to_frame
from etbench.results.diff.difference import difference_of
from etbench.results.diff.profiled import stored
from etbench.results.files.store import read_result, write_result
from etbench.results.schema import Result
from etbench.results.tables.delegation import DELEGATION_COLUMNS

MakeResult = Callable[..., Result]

TAKEN = Delegation(
    subgraphs=2,
    delegated_nodes=4,
    total_nodes=7,
    left_behind={"aten.cumsum.default": 2, "aten.add.Tensor": 1},
    delegated={"aten.linear.default": 3, "aten.add.Tensor": 1},
    reasons={"aten.cumsum.default": "no rule", "aten.add.Tensor": "invalid dtype"},
    tensors_in=3,
    tensors_out=2,
    border_copies=1,
)
OPERATORS = [
    Operator(name="Fully Connected #1", kind="delegated", instruction=0, mean_ms=2.0, share=0.5),
    Operator(name="call of the delegate", kind="delegate", instruction=0, mean_ms=0.5, share=0.125),
    Operator(name="cumsum.out", kind="portable", instruction=1, mean_ms=0.75, share=0.1875),
    Operator(name="cumsum.out", kind="portable", instruction=3, mean_ms=0.25, share=0.0625),
]


def _result(make_result: MakeResult, **more: object) -> Result:
    result = make_result(**more)
    return msgspec.structs.replace(
        result, artifact=msgspec.structs.replace(result.artifact, delegation=TAKEN)
    )


@pytest.fixture
def profiled(make_result: MakeResult) -> Result:
    profile = Profile(execute_ms=4.0, elsewhere_ms=0.5, inferences=9, operators=OPERATORS)
    return _result(make_result, profile=profile)


def test_each_operator_has_a_row_with_its_counts_its_time_and_the_reason(
    profiled: Result, failed: Result, tmp_path: Path
) -> None:
    for result in (profiled, failed):
        write_result(result, tmp_path, result.model_name)
    aggregate([tmp_path], tmp_path)
    table = pd.read_csv(tmp_path / "delegation.csv", keep_default_na=False)
    assert list(table.columns) == list(DELEGATION_COLUMNS)
    assert [tuple(row)[3:] for row in table.itertuples(index=False)] == [
        ("aten.cumsum.default", 0, 2, "1.0", "no rule"),
        ("aten.add.Tensor", 1, 1, "", "invalid dtype"),
        ("aten.linear.default", 3, 0, "", ""),
    ]


@pytest.mark.parametrize("version", ["new", "old"])
def test_what_another_runtime_does_with_the_operators_is_unknown_and_not_zero(
    version: str, profiled: Result, tmp_path: Path
) -> None:
    """Files of older versions have counts for it."""
    assert profiled.artifact is not None
    facts = msgspec.structs.replace(profiled.environment, runtime="onnxruntime", runtime_version="1.25.0")
    found = msgspec.structs.replace(profiled, environment=facts)
    if version == "new":
        artifact = msgspec.structs.replace(profiled.artifact, delegation=None, arena_bytes=0)
        found = msgspec.structs.replace(found, artifact=artifact)
    path = write_result(found, tmp_path, "other")
    (row,) = to_frame([read_result(path)]).to_dict("records")
    columns = ("delegated_share", "subgraphs", "border_tensors", "border_copies", "arena_bytes")
    assert [name for name in columns if not pd.isna(row[name])] == []
    aggregate([path], tmp_path)
    assert not (tmp_path / "delegation.csv").exists()
    change = difference_of(profiled, found, (stored(profiled), stored(found)), how="")
    assert change.delegation == []
    assert {one.name for one in (*change.counts, *change.sizes) if one.b is None} >= {
        "subgraphs",
        "operators",
        "planned memory",
    }


def test_the_shares_and_the_borders_are_columns_of_the_results(
    profiled: Result, make_result: MakeResult
) -> None:
    row, unprofiled, older = to_frame([profiled, _result(make_result), make_result()]).to_dict("records")
    assert row["delegated_share"] == pytest.approx(4 / 7)
    assert row["delegated_time_share"] == pytest.approx(2.5 / 4)
    assert (row["subgraphs"], row["border_tensors"], row["border_copies"]) == (2, 5, 1)
    assert pd.isna(unprofiled["delegated_time_share"])
    assert pd.isna(older["border_tensors"])
    assert pd.isna(older["border_copies"])
