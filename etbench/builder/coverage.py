"""How much of a lowered graph the delegate took, what it left and why, and what crosses its borders."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

from executorch.exir.delegate import executorch_call_delegate
from torch import Tensor, fx
from torch._ops import HigherOrderOperator, OpOverload

from etbench.artifact import Delegation
from etbench.artifact.kinds import ONLY_COPY

__all__ = ["coverage", "operator_name", "operators"]


def coverage(module: fx.GraphModule, reason: Callable[[fx.Node], str]) -> Delegation:
    """Count the operators of a lowered graph by who runs them, and the tensors that pass between.

    Args:
        module: from `to_edge_transform_and_lower`, before its memory is planned.
        reason: returns why a node was left behind, or an empty string if that is not known.

    """
    left = list(operators(module.graph))
    calls = [node for node in module.graph.nodes if node.target is executorch_call_delegate]
    taken = [
        operator
        for call in calls
        for operator in operators(getattr(module, call.args[0].target).original_module.graph)
    ]
    reasons: dict[str, dict[str, None]] = {}  # a set that keeps its order
    for node in left:
        if why := reason(node):
            reasons.setdefault(operator_name(node), {})[why] = None
    return Delegation(
        subgraphs=len(calls),
        delegated_nodes=len(taken),
        total_nodes=len(taken) + len(left),
        left_behind=_most_frequent_first(map(operator_name, left)),
        delegated=_most_frequent_first(map(operator_name, taken)),
        reasons={name: "; ".join(texts) for name, texts in reasons.items()},
        tensors_in=sum(_is_tensor(source) for call in calls for source in _inputs(call)),
        tensors_out=sum(isinstance(value, Tensor) for call in calls for value in _values(call)),
        border_copies=sum(operator_name(node) in ONLY_COPY and _is_at_border(node) for node in left),
    )


def operators(graph: fx.Graph) -> Iterator[fx.Node]:
    """Yield the calls of operators, without calls of a delegate and without `getitem`."""
    for node in graph.nodes:
        target = getattr(node.target, "_op", node.target)  # in the edge dialect, the operator it wraps
        if node.target is not executorch_call_delegate and isinstance(
            target, (OpOverload, HigherOrderOperator)
        ):
            yield node


def operator_name(node: fx.Node) -> str:
    """Return the name of an operator with its overload, such as ``aten.add.Tensor``."""
    return str(getattr(node.target, "_op", node.target))


def _inputs(call: fx.Node) -> dict[fx.Node, None]:
    """Return the inputs of a subgraph, each once; the first argument is the subgraph itself."""
    return dict.fromkeys(source for source in call.all_input_nodes if source is not call.args[0])


def _values(call: fx.Node) -> tuple[object, ...]:
    value = call.meta["val"]
    return tuple(value) if isinstance(value, (list, tuple)) else (value,)


def _is_tensor(node: fx.Node) -> bool:
    return isinstance(node.meta.get("val"), Tensor)


def _is_at_border(node: fx.Node) -> bool:
    """Return whether a node takes an output of a subgraph, or makes an input of one."""
    made_by = [source.args[0] if _picks_one(source) else source for source in node.all_input_nodes]
    beside = [*made_by, *node.users]
    return any(isinstance(one, fx.Node) and one.target is executorch_call_delegate for one in beside)


def _picks_one(node: fx.Node) -> bool:
    return getattr(node.target, "__name__", "") == "getitem"


def _most_frequent_first(names: Iterator[str] | map[str]) -> dict[str, int]:
    return dict(sorted(Counter(names).items(), key=lambda item: (-item[1], item[0])))
