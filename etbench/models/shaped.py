"""Inputs of given shapes and dtypes, for programs of which no more is known than that."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from etbench.config.sections import InputSpec
from etbench.models.inputs import FixedInputs, ImageInputs, Inputs

__all__ = ["shaped_inputs"]

MADE_UP = "seeded normal values and ones of the given shapes: no real data are known for them"


def shaped_inputs(specs: Sequence[InputSpec]) -> Inputs:
    """Return photographs where one square RGB image is asked for; else made-up tensors that say so.

    Floats are drawn from a normal distribution of fixed seed. Integers are ones, which are an index of any
    table and leave everything unmasked.
    """
    match specs:
        case [InputSpec(shape=[batch, 3, height, width], dtype="float32")] if height == width:
            return ImageInputs(height, batch)
    generator = torch.Generator().manual_seed(0)
    return FixedInputs(tuple(_made_up(spec, generator) for spec in specs), MADE_UP)


def _made_up(spec: InputSpec, generator: torch.Generator) -> Tensor:
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    return torch.ones(spec.shape, dtype=dtype)
