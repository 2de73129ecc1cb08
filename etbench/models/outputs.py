"""The tensors of what a model returns, whatever they are wrapped in."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

__all__ = ["flatten"]


def flatten(outputs: Any) -> list[Tensor]:
    """Return the tensors in nested tuples, lists, dictionaries and dataclasses; all else is dropped.

    Their order is that of the outputs of the exported program. A dataclass is registered with torch, without
    which a model that returns it cannot be exported.
    """
    tensors: list[Tensor] = []
    for leaf in pytree.tree_leaves(outputs):
        if isinstance(leaf, Tensor):
            tensors.append(leaf)
        elif dataclasses.is_dataclass(leaf) and not isinstance(leaf, type):
            kind = type(leaf)
            torch.export.register_dataclass(
                kind, serialized_type_name=f"{kind.__module__}.{kind.__qualname__}"
            )
            tensors += flatten(leaf)
    return tensors
