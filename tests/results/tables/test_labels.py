"""No two cells share a name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from etbench.results import to_frame
from etbench.results.schema import Result
from etbench.results.tables.labels import label_cells

MakeResult = Callable[..., Result]


def _cells(*results: Result) -> list[str]:
    return list(label_cells(to_frame(results))["cell"])


def test_a_model_has_its_plain_name_while_nothing_else_differs(make_result: MakeResult) -> None:
    found = _cells(make_result(), make_result(precision="int8"))
    assert found == ["resnet18 fp32 xnnpack", "resnet18 int8 xnnpack"]


@pytest.mark.parametrize(
    ("more", "first", "second"),
    [
        ({"shape": (4, 3, 224, 224)}, "resnet18, 1x3x224x224", "resnet18, 4x3x224x224"),
        ({"weights": "pretrained"}, "resnet18, random weights", "resnet18, pretrained weights"),
        ({"threads": 8}, "resnet18, 2 threads", "resnet18, 8 threads"),
        ({"runner": "native"}, "resnet18, python runner", "resnet18, native runner"),
        ({"cpu": "EPYC"}, "resnet18, on a CPU (a1d7c9)", "resnet18, on EPYC (7f9bf1)"),
        ({"created_at": "2027"}, "resnet18 #1", "resnet18 #2"),
    ],
    ids=["inputs", "weights", "threads", "runner", "machine", "repeated"],
)
def test_what_differs_is_named(
    more: dict[str, Any], first: str, second: str, make_result: MakeResult
) -> None:
    for name in ("threads", "runner", "cpu"):
        if name in more:
            more = {"environment": msgspec.structs.replace(make_result().environment, **more)}
    found = _cells(make_result(), make_result(**more))
    assert found == [f"{first} fp32 xnnpack", f"{second} fp32 xnnpack"]


def test_an_imported_summary_is_marked(make_result: MakeResult) -> None:
    assert _cells(make_result(source="flat")) == ["resnet18 (flat, no rounds) fp32 xnnpack"]


def test_no_cells_have_no_names() -> None:
    assert _cells() == []


def test_a_cell_whose_runtime_quantized_the_model_itself_is_named_apart(make_result: MakeResult) -> None:
    def of(quantization: str) -> Result:
        made = make_result("resnet18", "int8", "onnxruntime")
        artifact = msgspec.structs.replace(made.artifact, quantization=quantization)
        return msgspec.structs.replace(made, artifact=artifact)

    assert _cells(of("same"), of("own")) == [
        "resnet18 int8 onnxruntime",
        "resnet18 int8 onnxruntime (own quantization)",
    ]
