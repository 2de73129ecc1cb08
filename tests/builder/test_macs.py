"""Multiply-accumulates of operators whose number is known, however torch composes them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.export import Dim, export

from etbench.builder.macs import count_macs

pytestmark = pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning")  # torch 2.13, of a GRU


class Mixed(nn.Module):
    """One of each: a product with weights, of a sequence step by step, and of activations in three ways."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(8, 16)
        self.gru = nn.GRU(16, 24, batch_first=True)
        self.conv = nn.Conv1d(24, 4, 3, groups=2)

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:
        y = torch.relu(self.linear(x))
        y = self.gru(y)[0]
        return (
            self.conv(y.transpose(1, 2)),
            torch.einsum("btc,bdc->btd", y, y),
            nn.functional.scaled_dot_product_attention(y, y, y),
            y @ y.transpose(1, 2),
        )


def test_products_are_counted_in_the_operators_of_the_export() -> None:
    program = export(Mixed().eval(), (torch.randn(2, 12, 8),), strict=False)
    found = count_macs(program.graph.nodes)
    assert found is not None
    assert {str(node.target): count for node, count in found.items()} == {
        "aten.linear.default": 2 * 12 * 8 * 16,
        "aten.gru.input": 2 * 12 * 3 * 24 * (16 + 24),
        "aten.conv1d.default": 2 * 10 * 4 * 12 * 3,
        "aten.einsum.default": 2 * 12 * 12 * 24,
        "aten.scaled_dot_product_attention.default": 2 * 2 * 12 * 12 * 24,
        "aten.matmul.default": 2 * 12 * 12 * 24,
    }


def test_along_a_dynamic_axis_the_size_of_the_export_counts() -> None:
    batch = {0: Dim("batch", min=1, max=6)}
    program = export(nn.Linear(8, 4), (torch.randn(6, 8),), dynamic_shapes=(batch,), strict=False)
    assert list((count_macs(program.graph.nodes) or {}).values()) == [6 * 8 * 4]
