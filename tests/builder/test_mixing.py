"""Mixed precision and each layer's own noise, on converted graphs that are not lowered."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cache
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.export import export

from etbench.artifact import MixedBlocks
from etbench.builder.converting import Converter
from etbench.builder.mixing import Mixing, Ranking, mix
from etbench.builder.numerics import compare_layers
from etbench.builder.quantization import count_quantized
from etbench.config.sections import Precision
from etbench.errors import NotApplicableError
from etbench.precisions import Shown

INT8: dict[str, Any] = {
    "target": "etbench.precisions.int8",
    "name": "int8",
    "label": "INT8",
    "calibrates": True,
    "options": {"per_channel": True, "dynamic": False, "keep_fp32": []},
}


class Residual(nn.Module):
    """Two convolutions and an addition; with a spread, int8 rounds the channels between them away."""

    def __init__(self, spread: float) -> None:
        super().__init__()
        self.first, self.act, self.second = nn.Conv2d(4, 16, 1), nn.ReLU(inplace=True), nn.Conv2d(16, 4, 1)
        factors = torch.logspace(0, math.log10(spread), 16)
        with torch.no_grad():
            self.first.weight.mul_(factors[:, None, None, None])
            self.first.bias.mul_(factors)
            self.second.weight.div_(factors[None, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        return x + self.second(self.act(self.first(x)))


class Net(nn.Module):
    """Blocks of which the second costs int8 the most, and then the third; the head costs little."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.blocks = nn.Sequential(Residual(1), Residual(1e4), Residual(300))
        self.head = nn.Linear(4, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(x).mean((2, 3)))


@cache
def _model() -> tuple[nn.Module, Any, list[tuple[Tensor, ...]]]:
    module = Net().eval()
    generator = torch.Generator().manual_seed(1)
    batches = [(torch.randn(1, 4, 6, 6, generator=generator),) for _ in range(6)]
    return module, export(module, batches[0], strict=False), batches


RANKINGS: dict[bytes, Ranking] = {}  # as a builder keeps them for the next precision of its model


def _mixing(**changes: Any) -> Mixing:
    module, program, batches = _model()
    precision = Precision(**(INT8 | changes))
    return Mixing(Converter(precision, module, program, Shown(batches[:4])), batches[:4], batches[4:])


def _mix(**changes: Any) -> MixedBlocks:
    return mix(_mixing(**changes), RANKINGS)[1]


def _real_alone_db(mixing: Mixing, others: Sequence[str]) -> float:
    """Convert the model but for the other blocks, which is what the ranking stands for."""
    return Mixing(mixing.converter, mixing.ranked_on, mixing.ranked_on).parity_db(
        mixing.converter.convert(list(others))
    )


def test_blocks_are_ranked_by_what_each_costs_if_it_alone_is_converted() -> None:
    mixing = _mixing(blocks=1)
    mixed = _mix(blocks=1)
    names = [block.name for block in mixed.blocks]
    assert names == ["blocks.1", "blocks.2", "head", "blocks.0"]
    assert mixed.kept == ["blocks.1"]
    # Not the head: in int8 the average before it has the range of what is averaged, and alone its own.
    for block in (mixed.blocks[number] for number in (0, 1, 3)):
        others = [pattern for one in mixed.blocks if one.name != block.name for pattern in one.modules]
        assert block.alone_db == pytest.approx(_real_alone_db(mixing, others), abs=0.01)


def test_each_block_in_fp32_is_whole_and_the_mix_is_what_is_converted() -> None:
    program, mixed = mix(_mixing(blocks=2), RANKINGS)
    quantized = count_quantized(program)
    assert set(quantized.layers_in_float) == {
        f"blocks.{n}.{part}" for n in (1, 2) for part in ("first", "second")
    }
    assert quantized.operators["add"] == 1, "an addition belongs to its block"
    assert mixed.sqnr_db == pytest.approx(_mixing().parity_db(program))


def test_a_parity_is_reached_with_as_few_blocks_as_it_needs() -> None:
    mixed = _mix(min_sqnr_db=30)
    (ranking,) = RANKINGS.values()
    assert mixed.kept == ["blocks.1", "blocks.2"]
    assert ranking.kept_db[1] < 30 <= ranking.kept_db[2] == mixed.sqnr_db
    assert _mix(min_sqnr_db=0.1).kept == [], "int8 itself reaches it"
    assert len(RANKINGS) == 1, "the blocks were ranked once"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"min_sqnr_db": 150}, r"min_sqnr_db=150 is not reached: \d+\.\d dB is the best, with 2 of 4 blocks"),
        ({"blocks": 4}, r"blocks=4 leaves nothing to quantize: the model has 4 blocks \(blocks.1, blocks.2"),
    ],
    ids=["a parity that only fp32 has", "all blocks"],
)
def test_what_cannot_be_reached_is_skipped_with_the_best_there_is(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(NotApplicableError, match=message):
        _mix(**changes)


def test_each_layer_has_its_own_noise_beside_that_of_all_before_it() -> None:
    _, program, batches = _model()
    converted = _mixing().converter.convert()
    numerics = compare_layers(program, batches[4:], converted, batches[4:])
    layers = {layer.name: layer for layer in numerics.layers}
    head = layers["head"]
    assert head.own_db > head.sqnr_db + 10, "the last layer has the noise of all, and adds little of its own"
    assert numerics.worst[0].name.startswith("blocks.1")
    assert [layer.alone_db for layer in numerics.worst] == sorted(layer.alone_db for layer in numerics.worst)
