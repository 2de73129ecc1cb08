"""Workarounds for slow builds in upstream libraries, with their versions. They do not change a `.pte`."""

from __future__ import annotations

import functools
import importlib
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

__all__ = ["IN_ATTENTION", "IN_RESIZING", "REINPLACING", "apply", "reinplace"]

IN_ATTENTION = "aten.logical_not"  # every pattern of attention has it, for rows that are masked altogether
IN_RESIZING = "aten.upsample_bilinear2d"
REINPLACING = "torch.export._remove_auto_functionalized_pass"
TO_REINPLACE = ("auto_functionalized", "control_deps", "aten.copy_.default")


def apply() -> None:
    """Apply all workarounds to this process, once; preferably before executorch is imported."""
    _import_inductor_where_it_is_needed()
    _share_provenance()
    _look_up_operators_once()
    _annotate_no_kernels()
    _seek_batch_norms_where_there_are_some()
    _seek_patterns_where_they_can_be()


def _import_inductor_where_it_is_needed() -> None:
    """Import the compiler of torch only for a program with an operator that changes its input in place.

    executorch 1.5: `exir.program._program` imports a pass for such operators from torch 2.13, and that pass
    imports all of `torch._inductor`: a quarter of what a builder imports.
    """
    if REINPLACING not in sys.modules:
        stand_in = ModuleType(REINPLACING, "Replaces the real module until a program needs it.")
        stand_in.unsafe_remove_auto_functionalized_pass = reinplace  # type: ignore[attr-defined]
        sys.modules[REINPLACING] = stand_in
    from executorch.exir.program import _program

    _program.unsafe_remove_auto_functionalized_pass = reinplace


def reinplace(program: Any) -> Any:
    """Restore operators that change their input in place, as torch does; most programs have none."""
    graph = program.graph_module.graph
    if not any(name in str(node.target) for node in graph.nodes for name in TO_REINPLACE):
        graph.eliminate_dead_code()  # as torch does at the end
        return program
    if sys.modules[REINPLACING].unsafe_remove_auto_functionalized_pass is reinplace:
        del sys.modules[REINPLACING]
    return importlib.import_module(REINPLACING).unsafe_remove_auto_functionalized_pass(program)


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

    torch 2.13: lowering calls `_materialize_cpp_cia_ops` (`torch._export.utils`) hundreds of times, for each
    of forty namespaces. Each call lists all operators and reads about 1,000 attributes of `torch.ops`, so
    that a later search finds them. After the first read they stay there.
    """
    import torch
    from torch._export import utils
    from torch.export import decomp_utils, exported_program

    for_all_namespaces = utils._collect_all_valid_cia_ops
    if hasattr(for_all_namespaces, "__wrapped__"):
        return
    known: set[str] = set()

    def materialize() -> None:
        registered = torch._C._dispatch_get_registrations_for_dispatch_key("CompositeImplicitAutograd")
        for name in set(registered) - known:
            namespace, _, operator = name.partition("::")
            packet, _, overload = operator.partition(".")
            getattr(getattr(getattr(torch.ops, namespace), packet), overload or "default")
            known.add(name)

    @functools.wraps(for_all_namespaces)
    def collect() -> set[Any]:
        materialize()
        utils._materialize_cpp_cia_ops = lambda: None
        try:
            found: set[Any] = for_all_namespaces()
            return found
        finally:
            utils._materialize_cpp_cia_ops = materialize

    utils._materialize_cpp_cia_ops = materialize
    for module in (utils, decomp_utils, exported_program):
        module._collect_all_valid_cia_ops = collect  # type: ignore[attr-defined]


def _annotate_no_kernels() -> None:
    """Register a kernel of an operator without evaluating its type annotations.

    torch 2.13: each call of `OperatorBase.py_impl` (`torch._ops`) evaluates two annotations
    `Callable[_P, _T]`, and each decomposition registers thousands of kernels and removes them afterwards.
    """
    import torch

    torch._ops.Callable = _Undescribed  # type: ignore[assignment, attr-defined]


class _AnyCallable(type):
    """Replaces `Callable` in subscripts and instance checks, as `torch._ops` uses it."""

    def __getitem__(cls, _: Any) -> type:
        return cls

    def __instancecheck__(cls, instance: Any) -> bool:
        return callable(instance)


class _Undescribed(metaclass=_AnyCallable):
    pass


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
    """Skip the search of a pass if no operator has this in its name."""
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
