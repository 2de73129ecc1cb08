"""The operations and weights of programs whose numbers are known."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.export import Dim, export

from etbench.builder.cost import cost_of, count_work, sizes_of


class Model(nn.Module):
    """A convolution, a linear layer and an activation function."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.linear = nn.Conv2d(3, 4, 3), nn.Linear(4, 8)

    def forward(self, x: Tensor) -> Tensor:
        return torch.relu(self.linear(self.conv(x).mean(dim=(2, 3))))


WEIGHTS = 4 * (4 * 3 * 9 + 4 + 4 * 8 + 8)


def test_products_are_counted_and_operators_without_a_formula_are_listed() -> None:
    inputs = torch.randn(1, 3, 6, 6)
    program = export(Model(), (inputs,), strict=False)
    cost = cost_of(count_work(program, {}), program, [inputs, torch.randn(1, 8)])
    assert cost.flops == 2 * (16 * 4 * 27 + 4 * 8)
    assert cost.weight_bytes == WEIGHTS
    assert cost.moved_bytes == WEIGHTS + 4 * (3 * 36 + 8)
    assert cost.flops_per_byte == cost.flops / cost.moved_bytes
    assert cost.without_formula == {"aten.mean.dim": 1, "aten.relu.default": 1}


def test_along_a_dynamic_axis_the_size_that_is_timed_counts() -> None:
    batch = {0: Dim("batch", min=1, max=6)}
    program = export(nn.Linear(8, 4), (torch.randn(6, 8),), dynamic_shapes=(batch,), strict=False)
    timed = torch.randn(2, 8)
    sizes = sizes_of(program, [timed], token=False)
    assert list(sizes.values()) == [2]
    assert count_work(program, sizes).flops == 2 * 2 * 8 * 4
    assert list(sizes_of(program, [timed], token=True).values()) == [1]
    assert count_work(program, {}).flops is None, "not a guess if the size is not known"


def test_integers_of_four_bits_are_half_a_byte_each() -> None:
    import torchao  # noqa: F401  registers the operator

    class Grouped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.register_buffer("weight", torch.zeros(8, 64, dtype=torch.int8))
            self.register_buffer("scale", torch.ones(8, 2))

        def forward(self, x: Tensor) -> Tensor:
            weight = torch.ops.torchao.dequantize_affine(
                self.weight, [1, 32], self.scale, None, torch.int8, -8, 7, output_dtype=torch.float32
            )
            return nn.functional.linear(x, weight)

    inputs = torch.randn(1, 64)
    program = export(Grouped(), (inputs,), strict=False)
    assert cost_of(count_work(program, {}), program, [inputs]).weight_bytes == 8 * 64 // 2 + 4 * 16
