"""How much of a lowered graph the delegate took, and what crosses its borders."""

from __future__ import annotations

from collections import Counter

from executorch.devtools.backend_debug import get_delegation_info
from executorch.exir.delegate import executorch_call_delegate
from torch import Tensor, fx

from etbench.build.artifact import Delegation

__all__ = ["coverage", "coverage_of_none"]

COPIES = ("_to_dim_order_copy", "_clone_dim_order", "clone", "_to_copy", "copy", "permute_copy")


def coverage(module: fx.GraphModule) -> Delegation:
    """Count the operators of a lowered graph by who runs them."""
    info = get_delegation_info(module)
    left = {
        name: breakdown.non_delegated
        for name, breakdown in info.delegation_by_operator.items()
        if breakdown.non_delegated
    }
    taken = {
        name: breakdown.delegated
        for name, breakdown in info.delegation_by_operator.items()
        if breakdown.delegated
    }
    crossing, copies = _borders(module.graph)
    return Delegation(
        subgraphs=info.num_delegated_subgraphs,
        delegated_nodes=info.num_delegated_nodes,
        total_nodes=info.num_delegated_nodes + info.num_non_delegated_nodes,
        left_behind=_most_frequent_first(left),
        delegated=_most_frequent_first(taken),
        border_tensors=crossing,
        border_copies=copies,
    )


def coverage_of_none(graph: fx.Graph) -> Delegation:
    """Count the operators of a graph that no delegate was asked to take."""
    targets = [str(node.target).removeprefix("aten.") for node in graph.nodes if node.op == "call_function"]
    return Delegation(
        subgraphs=0,
        delegated_nodes=0,
        total_nodes=len(targets),
        left_behind=_most_frequent_first(Counter(targets)),
    )


def _borders(graph: fx.Graph) -> tuple[int, int]:
    """Return the tensors that pass between a subgraph and an operator outside, and the copies next to one."""
    inside = {
        node
        for node in graph.nodes
        if node.target is executorch_call_delegate
        or (node.op == "call_function" and _is_output_of_subgraph(node))
    }
    crossing: set[fx.Node] = set()
    copies: set[fx.Node] = set()
    for node in graph.nodes:
        if node.op != "call_function":
            continue
        for source in node.all_input_nodes:
            if source.op == "call_function" and (source in inside) != (node in inside):
                crossing.add(source)
                copies.update(end for end in (source, node) if end not in inside and _is_copy(end))
    return sum(isinstance(node.meta.get("val"), Tensor) for node in crossing), len(copies)


def _is_output_of_subgraph(node: fx.Node) -> bool:
    return any(source.target is executorch_call_delegate for source in node.all_input_nodes) and (
        getattr(node.target, "__name__", "") == "getitem"
    )


def _is_copy(node: fx.Node) -> bool:
    return any(f"{name}." in str(node.target) or str(node.target).endswith(name) for name in COPIES)


def _most_frequent_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
