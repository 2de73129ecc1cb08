"""How much of a lowered graph the delegate took."""

from __future__ import annotations

from collections import Counter

from executorch.devtools.backend_debug import get_delegation_info
from torch import fx

from etbench.build.artifact import Delegation

__all__ = ["coverage", "coverage_of_none"]


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
    return Delegation(
        subgraphs=info.num_delegated_subgraphs,
        delegated_nodes=info.num_delegated_nodes,
        total_nodes=info.num_delegated_nodes + info.num_non_delegated_nodes,
        left_behind=_most_frequent_first(left),
        delegated=_most_frequent_first(taken),
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


def _most_frequent_first(counts: dict[str, int]) -> dict[str, int]:
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
