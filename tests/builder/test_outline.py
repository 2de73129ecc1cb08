"""The operators of lowered graphs whose edges, precisions and order are known."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from etbench.artifact import GraphOperator
from etbench.builder.lowering import lower
from etbench.delegates import portable, xnnpack

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch 2.13 about itself


class Skipping(nn.Module):
    """Two linear layers, between them an operator that XNNPACK leaves, and around it a skip connection."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> Tensor:
        begun = self.first(x)
        return self.last(torch.cumsum(begun, dim=1)) + begun


def _outline(module: nn.Module, delegate: list[object]) -> list[GraphOperator]:
    program = torch.export.export(module.eval(), (torch.randn(2, 8),), strict=False)
    return lower(program, delegate).operators


def test_operators_are_in_the_order_of_execution_with_edges_across_the_borders() -> None:
    found = _outline(Skipping(), xnnpack())
    assert [(one.name, one.module, one.subgraph) for one in found] == [
        ("aten.linear.default", "first", 0),
        ("aten.cumsum.default", "", None),
        ("aten.linear.default", "last", 1),
        ("aten.add.Tensor", "", 1),
    ]
    assert [sorted(one.inputs) for one in found] == [[], [0], [1], [0, 2]]
    assert len({one.node for one in found}) == len(found)
    assert {one.precision for one in found} == {"float32"}


def test_without_a_delegate_the_edges_are_those_of_the_graph() -> None:
    found = _outline(Skipping(), portable())
    (cumsum,) = (place for place, one in enumerate(found) if one.name == "aten.cumsum.default")
    assert found[-1].name == "aten.add.Tensor"
    (first,) = found[cumsum].inputs
    assert first in found[-1].inputs, "the skip connection"
    assert all(source < place for place, one in enumerate(found) for source in one.inputs)


def test_inside_a_subgraph_operators_compute_with_the_integers_that_are_converted_for_them() -> None:
    from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import (
        XNNPACKQuantizer,
        get_symmetric_quantization_config,
    )
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e, prepare_pt2e

    given = (torch.randn(2, 8),)
    quantizer = XNNPACKQuantizer().set_global(get_symmetric_quantization_config())
    graph = torch.export.export(Skipping().eval(), given, strict=False).module()
    prepared = prepare_pt2e(graph, quantizer)
    prepared(*given)
    program = torch.export.export(convert_pt2e(prepared), given, strict=False)
    inside, outside = lower(program, xnnpack()).operators, lower(program, portable()).operators
    linear = {one.precision for one in inside if one.name == "aten.linear.default"}
    assert linear == {"int8"}
    assert {one.precision for one in inside if one.name == "aten.cumsum.default"} == {"float32"}
    assert all("quantize" not in one.name for one in inside if one.subgraph is not None)
    assert {one.precision for one in outside if "addmm" in one.name} == {"float32"}, "as portable kernels do"
