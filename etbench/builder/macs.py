"""How many multiply-accumulates each operator of an exported program has."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any

import torch
from torch import SymInt, Tensor, fx
from torch._ops import OpOverload
from torch.fx.experimental.symbolic_shapes import optimization_hint
from torch.utils._pytree import tree_map
from torch.utils.flop_counter import FlopCounterMode, flop_registry

__all__ = ["count_macs"]

UNCOUNTABLE = (RuntimeError, LookupError, TypeError, ValueError, AssertionError)  # from running an operator


def count_macs(nodes: Iterable[fx.Node], sizes: Mapping[str, int] | None = None) -> dict[fx.Node, int] | None:
    """Return the multiply-accumulates of each node that has some, or None if they cannot be counted.

    Each operator runs on tensors without data, where torch counts by its own formulas. So one that torch
    composes of others, such as a linear layer, an einsum or a GRU, has the sum of these. They are those of
    one inference with the inputs of the export: along a dynamic axis, with its largest size.

    Args:
        nodes: of an exported program, or of one that was lowered.
        sizes: other sizes of the dynamic axes, by the names of their symbols; nothing is counted if one is
            missing.

    """
    found: dict[fx.Node, int] = {}
    with FlopCounterMode(display=False) as counter:
        for node in nodes:
            if not _may_multiply(node):
                continue
            counter.flop_counts.clear()
            try:
                given = partial(_without_data, sizes=sizes)
                args, kwargs = (tree_map(given, part) for part in (node.args, node.kwargs))
                _operator(node)(*args, **kwargs)
            except UNCOUNTABLE:  # such as an operator that needs the data, since a size depends on them
                return None
            if flops := counter.get_total_flops():
                found[node] = flops // 2
    return found


def _operator(node: fx.Node) -> Any:
    """Return the operator that a node calls; in the edge dialect it is wrapped."""
    target = node.target
    return target if isinstance(target, OpOverload) else getattr(target, "_op", target)


def _may_multiply(node: fx.Node) -> bool:
    """Return whether torch has a formula for an operator, or may compose it of some that have one."""
    target = _operator(node)
    if not isinstance(target, OpOverload) or torch.Tag.pointwise in target.tags:
        return False
    if target.overloadpacket not in flop_registry and not target._can_decompose():
        return False
    values = [source.meta.get("val") for source in node.all_input_nodes]
    return any(isinstance(value, Tensor) and value.is_floating_point() for value in values)


def _without_data(value: Any, sizes: Mapping[str, int] | None) -> Any:
    if isinstance(value, fx.Node):
        return tree_map(partial(_without_data, sizes=sizes), value.meta.get("val"))
    if isinstance(value, Tensor):
        shape = [_length(size, sizes) for size in value.shape]
        return torch.empty(shape, dtype=value.dtype, device="meta")
    if isinstance(value, torch.device):
        return torch.device("meta")
    return _length(value, sizes)


def _length(size: Any, sizes: Mapping[str, int] | None) -> Any:
    if not isinstance(size, SymInt):
        return size
    if sizes is None:
        return optimization_hint(size, fallback=1)
    symbols = size.node.expr.free_symbols
    return int(size.node.expr.subs({symbol: sizes[symbol.name] for symbol in symbols}))
