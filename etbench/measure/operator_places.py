"""Where the operators of a profile come from: the operators of the lowered graph that they run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence

import msgspec

from etbench.artifact import GraphOperator
from etbench.artifact.kinds import PRODUCTS, kind_of
from etbench.measure.pass_results import Operator, Profile

__all__ = ["match_operators", "with_places"]


def with_places(profile: Profile, graph: Sequence[GraphOperator]) -> Profile:
    """Return a profile whose operators name the module, output and operations of the graph's operator."""
    places = match_operators(profile, graph)
    if not places:
        return profile
    operators = [
        _placed(one, graph[places[position]]) if position in places else one
        for position, one in enumerate(profile.operators)
    ]
    return msgspec.structs.replace(profile, operators=operators)


def match_operators(profile: Profile, graph: Sequence[GraphOperator]) -> dict[int, int]:
    """Return which operator of the graph each operator of a profile runs, by their positions.

    A runtime reports operators in the order of the graph, but not all of them, since some are fused. So those
    of one kind are matched in their order if a subgraph, or what is outside of all, has as many of them in
    the profile as in the graph; others are left out.
    """
    subgraphs = sorted({one.instruction for one in profile.operators if one.kind != "portable"})
    in_graph: dict[Hashable, list[int]] = defaultdict(list)
    for position, one in enumerate(graph):
        in_graph[one.subgraph, _matched_as(one.name)].append(position)
    run: dict[Hashable, list[int]] = defaultdict(list)
    for position, operator in enumerate(profile.operators):
        if operator.kind == "portable":
            run[None, _matched_as(operator.name)].append(position)
        elif operator.kind == "delegated":
            run[subgraphs.index(operator.instruction), _matched_as(operator.name)].append(position)
    places: dict[int, int] = {}
    if _numbers(one.subgraph for one in graph) == len(subgraphs):
        for key, positions in run.items():
            if len(positions) == len(in_graph[key]):
                places |= zip(positions, in_graph[key], strict=True)
    return places


def _matched_as(name: str) -> str:
    kind = kind_of(name)
    return PRODUCTS[0] if kind in PRODUCTS else kind


def _numbers(subgraphs: Iterable[int | None]) -> int:
    return len({number for number in subgraphs if number is not None})


def _placed(operator: Operator, place: GraphOperator) -> Operator:
    return msgspec.structs.replace(
        operator, graph_name=place.name, module=place.module, shape=place.shape, flops=place.flops
    )
