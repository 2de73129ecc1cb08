"""A part of a model by its name, and the plain tensors of what a model returns."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from etbench.errors import EtbenchError, nearest

__all__ = ["flatten", "part_of", "register_dataclasses"]

SHOWN = 12  # parts that an error names


def part_of(module: nn.Module, name: str | None) -> nn.Module:
    """Return the submodule of this dotted name, or all of it for None.

    Raises:
        EtbenchError: of stage ``load`` if there is none; names the nearest.

    """
    if name is None:
        return module
    parts: dict[str, nn.Module] = dict(module.named_modules())
    if name not in parts:
        first = ", ".join([child for child, _ in module.named_children()][:SHOWN])
        raise EtbenchError(
            f"model.part={name}: {type(module).__name__} has no such part{nearest(name, parts)}",
            stage="load",
            hint=f"its parts are: {first}, and their parts, such as model.part={next(reversed(parts))}",
        )
    return parts[name]


def flatten(outputs: Any) -> list[Tensor]:
    """Return the tensors in nested tuples, lists, dictionaries and dataclasses, without anything else.

    Their order is that of the outputs of the exported program.
    """
    register_dataclasses(outputs)
    return [leaf for leaf in pytree.tree_leaves(outputs) if isinstance(leaf, Tensor)]


def register_dataclasses(value: Any) -> None:
    """Register the dataclasses in a value with torch, without which it cannot be exported."""
    kinds = {type(leaf) for leaf in pytree.tree_leaves(value) if dataclasses.is_dataclass(type(leaf))}
    for kind in kinds:
        torch.export.register_dataclass(kind, serialized_type_name=f"{kind.__module__}.{kind.__qualname__}")
    if kinds:  # they may contain others
        register_dataclasses(value)
