"""Who runs what, what crosses the borders and why something was left, for graphs whose answer is known."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from etbench.artifact import Delegation
from etbench.builder.lowering import lower
from etbench.delegates import portable, xnnpack

pytestmark = pytest.mark.filterwarnings("ignore:.*LeafSpec:FutureWarning")  # torch 2.13 about itself


class Converting(nn.Module):
    """Two linear layers, and between them arithmetic in a dtype that XNNPACK has not: three conversions.

    The first takes what a subgraph gave, the second gives what another takes; the third, of an output of the
    graph, touches neither.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 8)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        wide = torch.cumsum(self.first(x).to(torch.float64), dim=1)
        return self.last(wide.to(torch.float32)), wide.to(torch.int32)


class Forked(nn.Module):
    """One subgraph of two inputs, one given twice, and of two outputs; nothing is left behind."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)

    def forward(self, x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
        both = self.layer(x) + y * x
        return both, torch.sigmoid(both)


def _coverage(module: nn.Module, *inputs: Tensor, folder: Path, delegate: list[object]) -> Delegation:
    program = torch.export.export(module.eval(), inputs, strict=False)
    return lower(program, delegate).delegation


def test_conversions_at_borders_are_counted_and_those_elsewhere_are_not(tmp_path: Path) -> None:
    found = _coverage(Converting(), torch.randn(2, 8), folder=tmp_path, delegate=xnnpack())
    assert found.delegated == {"aten.linear.default": 2}
    assert found.left_behind == {"dim_order_ops._to_dim_order_copy.default": 3, "aten.cumsum.default": 1}
    assert (found.subgraphs, found.delegated_nodes, found.total_nodes) == (2, 2, 6)
    assert (found.tensors_in, found.tensors_out, found.border_copies) == (2, 2, 2)
    assert found.reasons["dim_order_ops._to_dim_order_copy.default"] == "invalid dtype"
    assert "no rule" in found.reasons["aten.cumsum.default"]


def test_a_tensor_given_twice_crosses_once_and_picking_an_output_is_no_operator(tmp_path: Path) -> None:
    found = _coverage(Forked(), torch.randn(2, 4), torch.randn(2, 4), folder=tmp_path, delegate=xnnpack())
    assert (found.subgraphs, found.tensors_in, found.tensors_out) == (1, 2, 2)
    assert found.total_nodes == found.delegated_nodes == 4
    assert (found.left_behind, found.reasons, found.border_copies) == ({}, {}, 0)


def test_without_a_delegate_all_is_left_behind_and_there_is_no_border(tmp_path: Path) -> None:
    found = _coverage(Converting(), torch.randn(2, 8), folder=tmp_path, delegate=portable())
    assert sum(found.left_behind.values()) == found.total_nodes > 0
    assert found.reasons == {}, "nobody was asked"
    assert (found.subgraphs, found.tensors_in, found.tensors_out, found.border_copies) == (0, 0, 0, 0)
