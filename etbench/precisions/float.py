"""Floating-point precisions."""

from __future__ import annotations

import torch
from torch import nn

from etbench.precisions.conversion import Conversion

__all__ = ["cast", "fp32"]

_DTYPES = {"float16": torch.float16, "bfloat16": torch.bfloat16}


def fp32(*, cast_float64: bool = False) -> Conversion:
    """Return the conversion that changes nothing.

    Args:
        cast_float64: convert weights, activations and inputs in other floating-point dtypes, such as float64,
            to float32; else they are left as they are.

    """
    if not cast_float64:
        return Conversion()
    return Conversion(before_export=lambda module: module.to(torch.float32), dtype=torch.float32)


def cast(*, dtype: str) -> Conversion:
    """Return a conversion of all floating-point weights, activations and inputs.

    Args:
        dtype: ``float16`` or ``bfloat16``.

    """
    if dtype not in _DTYPES:
        raise ValueError(f"precision.dtype={dtype}: must be one of {', '.join(_DTYPES)}")

    def before_export(module: nn.Module) -> nn.Module:
        return module.to(_DTYPES[dtype])

    return Conversion(before_export=before_export, dtype=_DTYPES[dtype])
