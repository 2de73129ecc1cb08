"""What a precision quantized, for models of which one can tell, and the refusal if it was nothing."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
import torch
from running import build_here
from torch import Tensor, nn
from torch.export import export

from etbench.artifact import Quantized
from etbench.builder.export import export as export_dynamic
from etbench.builder.open_axes import open_axes
from etbench.builder.quantization import count_quantized
from etbench.config.sections import Dynamic
from etbench.precisions import Conversion, Shown, convert, int4_groupwise, int8

pytestmark = [
    pytest.mark.filterwarnings("ignore:The tensor attributes:UserWarning"),  # torch 2.13, of a GRU
    pytest.mark.filterwarnings("ignore:erase_node:UserWarning"),  # torchao about itself
]

STATIC, DYNAMIC = {"per_channel": True, "dynamic": False}, {"per_channel": True, "dynamic": True}


class Block(nn.Module):
    """A block of a transformer with an embedding; only its linear layers and additions have integer forms."""

    def __init__(self) -> None:
        super().__init__()
        self.table = nn.Embedding(100, 32)
        self.query, self.key = nn.Linear(32, 32), nn.Linear(32, 32)
        self.norm = nn.LayerNorm(32)
        self.up, self.down = nn.Linear(32, 64), nn.Linear(64, 32)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.table(ids)
        scores = torch.softmax(self.query(x) @ self.key(x).transpose(1, 2), dim=-1)
        x = self.norm(x + scores @ x)
        return x + self.down(nn.functional.gelu(self.up(x)))


LINEAR_MACS, SCORE_MACS = 10 * (2 * 32 * 32 + 2 * 32 * 64), 2 * 10 * 10 * 32
LINEAR_WEIGHTS, TABLE, ONE_DIMENSIONAL = 2 * 32 * 32 + 2 * 32 * 64, 100 * 32, 5 * 32 + 64


def _counted(conversion: Conversion, module: nn.Module, *inputs: Tensor) -> Quantized:
    module = module.eval()
    program = export(module, inputs, strict=False)
    return count_quantized(convert(conversion, module, program, Shown([inputs])))


def _network() -> nn.Module:
    """Convolutions with and without an activation, a pool, a flattening, and a linear layer with its ReLU."""
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(8, 8, 3, groups=8)),
        *(nn.ReLU6(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 5), nn.ReLU()),
    )


@pytest.mark.parametrize("per_channel", [True, False], ids=["per channel", "per tensor"])
def test_a_network_of_convolutions_is_quantized_as_a_whole(per_channel: bool) -> None:
    found = _counted(int8(per_channel=per_channel, dynamic=False), _network(), torch.randn(1, 3, 12, 12))
    assert found.macs == 10 * 10 * 8 * 27 + 3 * 3 * 8 * 9 + 8 * 5
    assert found.macs_share == 1
    assert found.weights_share == pytest.approx((216 + 72 + 40) / (216 + 72 + 40 + 8 + 8 + 5))
    assert (found.operators_in_float, found.layers_in_float) == ({}, {})
    assert found.operators == {
        **dict.fromkeys(("conv2d", "relu"), 2),
        **dict.fromkeys(("adaptive_avg_pool2d", "hardtanh", "linear", "max_pool2d"), 1),
    }


def test_what_stays_in_float_in_a_transformer_is_named_with_its_share() -> None:
    found = _counted(int8(**STATIC), Block(), torch.arange(10)[None])
    assert found.macs == LINEAR_MACS + SCORE_MACS
    assert found.macs_share == pytest.approx(LINEAR_MACS / (LINEAR_MACS + SCORE_MACS))
    assert found.weights_share == pytest.approx(LINEAR_WEIGHTS / (LINEAR_WEIGHTS + TABLE + ONE_DIMENSIONAL))
    assert found.operators == {"linear": 4, "add": 2}
    assert found.operators_in_float == {
        "matmul": 2,
        **dict.fromkeys(("embedding", "gelu", "layer_norm", "softmax"), 1),
    }
    assert found.layers_in_float == {
        "<model>": pytest.approx(SCORE_MACS / (LINEAR_MACS + SCORE_MACS)),
        "table": 0,
    }


@pytest.mark.parametrize("precision", [int8(**DYNAMIC), int4_groupwise(group_size=32)], ids=["int8", "8da4w"])
def test_with_dynamic_ranges_the_linear_layers_are_quantized_and_no_others(precision: Conversion) -> None:
    found = _counted(precision, Block(), torch.arange(10)[None])
    assert found.macs_share == pytest.approx(LINEAR_MACS / (LINEAR_MACS + SCORE_MACS))
    assert found.weights_share == pytest.approx(LINEAR_WEIGHTS / (LINEAR_WEIGHTS + TABLE + ONE_DIMENSIONAL))
    assert found.operators == {"linear": 4}
    assert found.operators_in_float["add"] == 2
    assert list(found.layers_in_float) == ["<model>", "table"]


def test_weights_in_groups_leave_attention_of_torch_in_float() -> None:
    layer = nn.TransformerEncoderLayer(32, 4, 64, batch_first=True)
    found = _counted(int4_groupwise(group_size=32), layer, torch.randn(1, 10, 32))
    assert found.operators == {"linear": 2}
    assert list(found.layers_in_float) == ["self_attn"]


def test_an_activation_after_a_dynamic_layer_stays_in_float() -> None:
    module = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8))
    found = _counted(int8(**DYNAMIC), module, torch.randn(1, 8))
    assert (found.operators, found.operators_in_float) == ({"linear": 2}, {"relu": 1})


@pytest.mark.parametrize("ranges", [STATIC, DYNAMIC], ids=["static", "dynamic"])
def test_a_batch_of_any_size_is_counted_with_the_largest(ranges: dict[str, bool]) -> None:
    inputs = (torch.randn(1, 8),)
    any_batch = partial(export_dynamic, axes=open_axes(inputs, Dynamic(batch=6)))
    module = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    shown = Shown([inputs], export=any_batch)
    converted = convert(int8(**ranges), module, any_batch(module, inputs), shown)
    found = count_quantized(converted)
    assert (found.macs, found.macs_share) == (6 * (8 * 8 + 8 * 4), 1)
    assert {str(limits) for limits in converted.range_constraints.values()} == {"VR[1, 6]"}


def test_layers_that_are_kept_are_named() -> None:
    kept = int8(**STATIC, keep_fp32=["0", "8"])
    found = _counted(kept, _network(), torch.randn(1, 3, 12, 12))
    assert list(found.layers_in_float) == ["0", "8"]
    assert found.macs_share == pytest.approx(3 * 3 * 8 * 9 / found.macs)


@pytest.mark.parametrize("precision", ["int8", "int8_per_tensor", "int8_dynamic"])
def test_a_model_of_which_nothing_is_quantized_is_refused_with_its_operators(
    precision: str, tmp_path: Path
) -> None:
    artifact = build_here(tmp_path / "p", "model=recurrent", f"precision={precision}")
    assert re.match(f"{precision} quantizes nothing of this model.* are gru$", artifact.refusal)
    assert "lower" not in artifact.build_s


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (("model=two_layers", "precision=mixed"), r"keep_fp32=\[<first>, <last>\].* conv2d, linear"),
        (("model=recurrent", "precision=8da4w"), "group_size=32 divides the input size of none"),
        (("model=integers", "precision=fp16"), "fp16 changes nothing of this model.* no floating-point"),
        (("model=integers", "precision=int8"), "int8 quantizes nothing of this model"),
    ],
    ids=["all is kept", "no linear layer", "no floats to cast", "no floats to quantize"],
)
def test_other_precisions_that_would_change_nothing_are_refused(
    overrides: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    assert re.search(message, build_here(tmp_path / "p", *overrides).refusal)


def test_what_was_quantized_is_part_of_the_artifact(tmp_path: Path) -> None:
    artifact = build_here(tmp_path / "int8", "model=tiny", "precision=int8")
    assert artifact.quantized.macs_share == 1
    assert build_here(tmp_path / "fp16", "model=tiny", "precision=fp16").quantized is None
