"""Tables of the operators that a delegate runs, and of those that it leaves to the CPU kernels."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from etbench.artifact import Delegation
from etbench.measure.pass_results import Operator

__all__ = ["DELEGATION_COLUMNS", "delegation_rows", "delegation_time_share"]

# The columns of delegation.csv and what they mean; `etbench.results.analysis.reference` documents them.
DELEGATION_COLUMNS = {
    "model": "model",
    "precision": "precision",
    "delegate": "delegate",
    "operator": "operator of the lowered graph, with its overload",
    "delegated": "number of them in subgraphs of the delegate",
    "left_behind": "number of them that run on the CPU kernels of the runtime",
    "left_behind_ms": "mean time per inference of those left behind, if the cell was profiled",
    "reason": "why the partitioner left them behind, if it reports a reason",
}


def delegation_rows(
    identity: Sequence[str], delegation: Delegation, operators: Sequence[Operator] | None
) -> Iterator[tuple[Any, ...]]:
    """Return one row per operator, in the order of `DELEGATION_COLUMNS`, the most frequent left behind first.

    Args:
        identity: model, precision and delegate.
        delegation: that of the cell's program.
        operators: the profiled operators with their times; None if the cell was not profiled.

    """
    spent_ms = _spent_outside_ms(operators or [])
    for name in {**delegation.left_behind, **delegation.delegated}:
        left = delegation.left_behind.get(name, 0)
        took_ms = spent_ms.get(_base_name(name)) if left else None
        reason = delegation.reasons.get(name, "")
        yield (*identity, name, delegation.delegated.get(name, 0), left, took_ms, reason)


def delegation_time_share(operators: Sequence[Operator], execute_ms: float) -> float | None:
    """Return the share of an inference that was spent in the delegate.

    It is None if that took no measurable time, and for a runtime that has no delegates.
    """
    if any(one.kind == "runtime" for one in operators):
        return None
    inside_ms = sum(one.mean_ms for one in operators if one.kind != "portable")
    return inside_ms / execute_ms if execute_ms else None


def _spent_outside_ms(operators: Sequence[Operator]) -> dict[str, float]:
    """Return the time of the operators outside subgraphs, by name without namespace and overload.

    The runtime runs a different overload of an operator than the graph names: ``cumsum.out`` for
    ``aten.cumsum.default``.
    """
    spent: defaultdict[str, float] = defaultdict(float)
    for one in operators:
        if one.kind == "portable":
            spent[one.name.split(".")[0].rsplit("::", 1)[-1]] += one.mean_ms
    return spent


def _base_name(name: str) -> str:
    """Return the name of an operator without namespace and overload.

    >>> [_base_name(name) for name in ("aten.cumsum.default", "aten_cumsum_default", "conv2d.default")]
    ['cumsum', 'aten_cumsum_default', 'conv2d']
    """
    return name.rsplit(".", 1)[0].rsplit(".", 1)[-1]
