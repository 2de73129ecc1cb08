"""Cures for what slows a build upstream, each with the version it was seen in. They change no `.pte`."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

__all__ = ["IN_ATTENTION", "IN_RESIZING", "apply"]

IN_ATTENTION = "aten.logical_not"  # every pattern of attention has it, for rows that are masked altogether
IN_RESIZING = "aten.upsample_bilinear2d"


def apply() -> None:
    """Apply all of them to this process, once."""
    _share_provenance()
    _look_up_operators_once()
    _seek_batch_norms_where_there_are_some()
    _seek_patterns_where_they_can_be()


def _share_provenance() -> None:
    """Let nodes of a graph share the records of where they came from instead of copying them.

    torch 2.13: `torch.fx.traceback.NodeSource.__init__` deep-copies the whole history of a node each time a
    pass copies the node, and histories grow with every pass. Records do not change once they are made.
    """
    from torch.fx.traceback import NodeSource

    def itself(record: NodeSource, _memo: dict[int, Any]) -> NodeSource:
        return record

    NodeSource.__deepcopy__ = itself  # type: ignore[attr-defined]


def _look_up_operators_once() -> None:
    """Look up each operator of the C++ dispatcher once, not once for each namespace and decomposition.

    torch 2.13: lowering calls `_materialize_cpp_cia_ops` (`torch._export.utils`) hundreds of times. Each call
    gets some 1,000 attributes of `torch.ops`, so that a later walk finds them. Once got, they stay there.
    """
    import torch
    from torch._export import utils

    known: set[str] = set()

    def materialize() -> None:
        registered = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
        for name in set(registered) - known:
            namespace, _, operator = name.partition("::")
            packet, _, overload = operator.partition(".")
            getattr(getattr(getattr(torch.ops, namespace), packet), overload or "default")
            known.add(name)

    utils._materialize_cpp_cia_ops = materialize


def _seek_batch_norms_where_there_are_some() -> None:
    """Look for a convolution with a batch norm only in a graph that has a batch norm.

    executorch 1.5: `_do_annotate_conv_bn` exports six patterns to look for them, which takes longer than the
    rest of quantizing a small model. Only training needs it: `prepare_pt2e` has folded the batch norms.
    """
    from executorch.backends.xnnpack.quantizer import xnnpack_quantizer_utils as quantizer

    annotate: Callable[..., list[Any]] = quantizer._do_annotate_conv_bn
    if hasattr(annotate, "__wrapped__"):
        return

    @functools.wraps(annotate)
    def annotate_if_any(gm: Any, *how: Any, **more: Any) -> list[Any]:
        if any("batch_norm" in str(node.target) for node in gm.graph.nodes):
            return annotate(gm, *how, **more)
        gm.graph.eliminate_dead_code()  # as it does before it looks
        gm.recompile()
        return []

    quantizer._do_annotate_conv_bn = annotate_if_any


def _seek_patterns_where_they_can_be() -> None:
    """Look for the patterns of XNNPACK only in a graph that has an operator of theirs.

    executorch 1.5: two passes export six patterns, attention and bilinear resizing, to look for them. That is
    more than half of lowering a small model, and few models have either.
    """
    from executorch.backends.xnnpack._passes.convert_to_sdpa import ConvertToSDPAPass
    from executorch.backends.xnnpack._passes.convert_to_upsample_bilinear2d import ConvertToUpsampleBilinear2d

    _search_only_with(ConvertToSDPAPass, IN_ATTENTION)
    _search_only_with(ConvertToUpsampleBilinear2d, IN_RESIZING)


def _search_only_with(converter: Any, operator: str) -> None:
    """Leave out the search of a pass where no operator has this in its name."""
    from executorch.backends.xnnpack._passes.xnnpack_pass import XNNPACKPass
    from torch.fx.passes.infra.pass_base import PassResult

    search: Callable[..., PassResult] = converter.call
    if hasattr(search, "__wrapped__"):
        return

    @functools.wraps(search)
    def search_if_any(self: Any, graph_module: Any) -> PassResult:
        if any(operator in str(node.target) for node in graph_module.graph.nodes):
            return search(self, graph_module)
        graph_module.recompile()  # all that it does where it finds nothing
        return PassResult(XNNPACKPass.call(self, graph_module).graph_module, True)

    converter.call = search_if_any
