"""Which blocks a model has: the units that a mixed precision keeps in fp32."""

from __future__ import annotations

import pytest

from etbench.builder.blocks import Block, Operator, split


def _operators(*words: str) -> list[Operator]:
    """Make operators; those with a star have no weights."""
    return [Operator(word.rstrip("*"), has_weights=not word.endswith("*")) for word in words]


CASES = {
    "residual blocks are whole, with their addition": (
        ("conv1", "relu*", "layer1.0.conv1", "layer1.0.relu*", "layer1.0.conv2", "layer1.0*", "fc"),
        {"conv1": ("conv1", "relu"), "layer1.0": ("layer1.0",), "fc": ("fc",)},
    ),
    "a convolution stays with its activation": (
        ("features.0.0", "features.0.2*", "features.1.conv.0.0", "features.1.conv.1", "features.1*"),
        {"features.0": ("features.0",), "features.1": ("features.1",)},
    ),
    "what a divided module computes itself belongs to the block before it": (
        (*(f"encoder.layers.{n}.{part}" for n in range(3) for part in "abcde"), "encoder*", "head"),
        {
            "encoder.layers.0": ("encoder.layers.0",),
            "encoder.layers.1": ("encoder.layers.1",),
            "encoder.layers.2": ("encoder.layers.2", "encoder.<own>"),
            "head": ("head",),
        },
    ),
    "what comes before all layers belongs to the first": (
        ("scale*", "*", "body"),
        {"body": ("scale", "<own>", "body")},
    ),
    "a model without modules is one block": (("", "*"), {"<own>": ("<own>",)}),
}


@pytest.mark.parametrize(("words", "blocks"), CASES.values(), ids=CASES)
def test_a_model_is_divided_into_blocks(words: tuple[str, ...], blocks: dict[str, tuple[str, ...]]) -> None:
    assert split(_operators(*words)) == [Block(name, patterns) for name, patterns in blocks.items()]


def test_a_model_of_which_nothing_is_quantized_has_no_blocks() -> None:
    assert split([]) == []
