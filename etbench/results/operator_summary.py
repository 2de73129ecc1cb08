"""Where the time of one profiled cell goes: its operators together, by kind or by module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Literal

from msgspec import Struct

from etbench.artifact.kinds import kind_of
from etbench.measure.pass_results import Operator, Profile

__all__ = ["BY", "By", "Group", "summarize_operators"]

By = Literal["kind", "module"]
BY: tuple[By, ...] = ("kind", "module")
ELSEWHERE = "outside of operators"
UNKNOWN = "module not known"
DEPTH = 2  # of a module's path: features.3, layers.11


class Group(Struct, frozen=True, kw_only=True):
    """The operators of one kind or module: their number, time, and share of an inference.

    `cumulative` is the share of this group and all before it. `portable` of the operators run on portable
    kernels. `flops` are the operations of those with a formula, whose time is `flops_ms`; null if none has.
    """

    name: str
    count: int
    portable: int
    mean_ms: float
    share: float | None
    cumulative: float | None
    flops: int | None = None
    flops_ms: float = 0.0

    @property
    def gflops_per_s(self) -> float | None:
        """The speed of the operators whose operations are known."""
        return self.flops / self.flops_ms / 1e6 if self.flops and self.flops_ms else None


def summarize_operators(profile: Profile, by: By = "kind") -> list[Group]:
    """Return the groups of a cell's operators, those that take longest first.

    Args:
        profile: of a result.
        by: ``kind``, such as convolution, wherever it runs; or ``module``, the first two parts of the path of
            the module that an operator came from.

    """
    name: Callable[[Operator], str] = _kind if by == "kind" else _module
    members: dict[str, list[Operator]] = defaultdict(list)
    for operator in profile.operators:
        members[name(operator)].append(operator)
    times = {group: sum(one.mean_ms for one in ones) for group, ones in members.items()}
    if profile.elsewhere_ms > 0:
        times[ELSEWHERE] = profile.elsewhere_ms
    groups: list[Group] = []
    taken_ms = 0.0
    for group, mean_ms in sorted(times.items(), key=lambda item: -item[1]):
        taken_ms += mean_ms
        groups.append(_group(group, members[group], mean_ms, taken_ms, profile.execute_ms))
    return groups


def _group(
    name: str, operators: Iterable[Operator], mean_ms: float, taken_ms: float, execute_ms: float
) -> Group:
    operators = list(operators)
    counted = [one for one in operators if one.flops is not None]
    return Group(
        name=name,
        count=len(operators),
        portable=sum(one.kind == "portable" for one in operators),
        mean_ms=mean_ms,
        share=mean_ms / execute_ms if execute_ms else None,
        cumulative=taken_ms / execute_ms if execute_ms else None,
        flops=sum(one.flops or 0 for one in counted) if counted else None,
        flops_ms=sum(one.mean_ms for one in counted),
    )


def _kind(operator: Operator) -> str:
    return kind_of(operator.graph_name or operator.name)


def _module(operator: Operator) -> str:
    return ".".join(operator.module.split(".")[:DEPTH]) or UNKNOWN
