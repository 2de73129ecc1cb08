"""How many multiply-accumulates each operator of an exported program has."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import SymInt, Tensor, fx
from torch._ops import OpOverload
from torch.fx.experimental.symbolic_shapes import optimization_hint
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode, flop_registry

__all__ = ["count_macs"]


def count_macs(nodes: Iterable[fx.Node]) -> dict[fx.Node, int] | None:
    """Return the multiply-accumulates of each node that has some, or None if they cannot be counted.

    Each operator runs on tensors without data, where torch counts by its own formulas. So one that torch
    composes of others, such as a linear layer, an einsum or a GRU, has the sum of these. They are those of
    one inference with the inputs of the export: along a dynamic axis, with its largest size.
    """
    found: dict[fx.Node, int] = {}
    with FlopCounterMode(display=False) as counter:
        for node in nodes:
            if not _may_multiply(node):
                continue
            counter.flop_counts.clear()
            args, kwargs = (tree_map(_without_data, part) for part in (node.args, node.kwargs))
            try:
                node.target(*args, **kwargs)  # type: ignore[operator]
            except RuntimeError:  # it needs the data: a size depends on them
                return None
            if flops := counter.get_total_flops():
                found[node] = flops // 2
    return found


def _may_multiply(node: fx.Node) -> bool:
    """Return whether torch has a formula for an operator, or may compose it of some that have one."""
    target = node.target
    if not isinstance(target, OpOverload) or torch.Tag.pointwise in target.tags:
        return False
    if target.overloadpacket not in flop_registry and not target._can_decompose():
        return False
    values = [source.meta.get("val") for source in node.all_input_nodes]
    return any(isinstance(value, Tensor) and value.is_floating_point() for value in values)


def _without_data(value: Any) -> Any:
    if isinstance(value, fx.Node):
        return tree_map(_without_data, value.meta.get("val"))
    if isinstance(value, Tensor):
        return torch.empty([_length(size) for size in value.shape], dtype=value.dtype, device="meta")
    if isinstance(value, torch.device):
        return torch.device("meta")
    return _length(value)


def _length(size: Any) -> Any:
    return optimization_hint(size, fallback=1) if isinstance(size, SymInt) else size
