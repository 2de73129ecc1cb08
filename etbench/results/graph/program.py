"""The operators of a cell's program with all that was measured of each, and the parts that it is run in."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from msgspec import Struct

from etbench.artifact import GraphOperator
from etbench.artifact.kinds import ONLY_COPY, kind_of
from etbench.errors import EtbenchError
from etbench.measure.operator_places import match_operators
from etbench.measure.pass_results import Operator, Profile
from etbench.results.schema import Result, emulated_words
from etbench.results.schema.names import cell_words
from etbench.stats.layers import Layer
from etbench.text import counted

__all__ = ["PORTABLE", "Node", "Part", "ProgramGraph", "Row", "program_graph"]

STAGE = "graph"
BASE_PRECISION = "fp32"
PORTABLE = "portable kernels"
IN_CALLS = ("delegated", "delegate")  # kinds of operators of a profile that are in a call of a delegate

Place = tuple[int, bool]  # of a part: how many calls of a delegate are before it, and whether it is one


class Node(Struct, frozen=True, kw_only=True):
    """An operator, with what is known of it; what was not measured is None, or empty.

    `runs_in` is the delegate, or portable kernels. `inputs` are the ids of the operators that it reads, None
    if that is not known. `layer` is the noise of the module whose last operator this is. `reason` is why the
    delegate left operators of this name. A `border_copy` only copies or converts an input or output of a
    subgraph.
    """

    id: str
    operator: str
    module: str
    shape: list[int]
    runs_in: str
    subgraph: int | None
    inputs: list[str] | None = None
    precision: str = ""
    flops: int | None = None
    mean_ms: float | None = None
    share: float | None = None
    layer: Layer | None = None
    reason: str = ""
    border_copy: bool = False


class Row(Struct, frozen=True, kw_only=True):
    """The operators of one kind in a part: their names, how many the graph has, and their time."""

    kind: str
    names: list[str]
    count: int
    mean_ms: float | None
    share: float | None
    reason: str = ""
    border_copies: int = 0


class Part(Struct, frozen=True, kw_only=True):
    """A subgraph of a delegate, or the operators that are run between two of them.

    `precisions` are those of its operators, the most frequent first. `sources` are the parts whose outputs it
    reads, by their positions.
    """

    subgraph: int | None
    runs_in: str
    count: int
    precisions: list[str]
    mean_ms: float | None
    share: float | None
    rows: list[Row]
    sources: list[int] = []


class ProgramGraph(Struct, frozen=True, kw_only=True):
    """The operators of a program and its parts, both in the order of execution.

    `missing` has a sentence for what is not known, by what it is (time, edges, noise), with the override that
    measures it.
    `edges_known` is whether it is known which operator reads which.
    """

    cell: str
    result: Result
    nodes: list[Node]
    parts: list[Part]
    edges_known: bool
    profile: Profile | None
    missing: dict[str, str]


def program_graph(result: Result, operators: Sequence[GraphOperator] = ()) -> ProgramGraph:
    """Return the graph of a result's program.

    The operators are those of the lowered graph, with the times of the profile where its operators can be
    matched. Without them, they are those of the profile, as the runtime names them.

    Args:
        result: of a cell.
        operators: of its lowered graph, if they are known from elsewhere; a profiled cell has its own.

    Raises:
        EtbenchError: if neither is known, or there is no program.

    """
    artifact = result.artifact
    graph = [*(artifact.operators if artifact else ())] or [*operators]
    if not all(one.node for one in graph):  # of an older version, which had another order and no edges
        graph = []
    if artifact is None:
        why = f": {result.why_not}" if result.why_not else ""
        raise EtbenchError(f"{_name(result)} has no program{why}", stage=STAGE)
    profile, no_time = _profile(result, graph)
    missing = {"time": no_time} if no_time else {}
    if not graph and profile is None:
        raise EtbenchError(
            f"{_name(result)}: neither its graph nor the times of its operators are in the result, and its "
            "program is not in the cache; measure it again with profile=true",
            stage=STAGE,
        )
    if not graph:
        missing["edges"] = (
            "not known which operator reads which: profile=true measures it again with its graph"
        )
    if noise := _no_noise(result):
        missing["noise"] = noise
    nodes = _nodes_of_graph(result, graph, profile) if graph else _nodes_of_profile(result, profile)
    return ProgramGraph(
        cell=_name(result),
        result=result,
        nodes=nodes,
        parts=_parts(result, nodes, _graph_places(graph), profile),
        edges_known=bool(graph),
        profile=profile,
        missing=missing,
    )


def _profile(result: Result, graph: Sequence[GraphOperator]) -> tuple[Profile | None, str]:
    """Return the profile if its times can be shown, or why they are missing."""
    profile, emulated = result.profile, emulated_words(result)
    if profile is None:
        why = f" ({result.no_profile})" if result.no_profile else ""
        return None, f"no time per operator{why}: profile=true measures it"
    if emulated is not None:
        return None, f"no time per operator: {emulated}"
    calls, subgraphs = len(_calls(profile)), len({one.subgraph for one in graph} - {None})
    if graph and calls != subgraphs:
        differ = f"{counted(calls, 'call')} of the delegate in the profile, {counted(subgraphs, 'subgraph')}"
        return None, f"no time per operator: {differ} in the graph"
    return profile, ""


def _no_noise(result: Result) -> str:
    """Return why there is no noise per layer, for a precision that could have some."""
    known = result.artifact is not None and result.artifact.numerics is not None
    exact = result.precision_short == BASE_PRECISION
    return "" if known or exact else "no noise (SQNR) per layer: numerics=true measures it"


def _nodes_of_graph(result: Result, graph: Sequence[GraphOperator], profile: Profile | None) -> list[Node]:
    """Return the operators of the lowered graph."""
    run: dict[int, Operator] = {}
    if profile is not None:
        matched = match_operators(profile, graph)
        run = {place: profile.operators[position] for position, place in matched.items()}
    ids = _unique(one.node for one in graph)
    last = {one.module: position for position, one in enumerate(graph) if one.module}
    layers = {last[one.name]: one for one in _layers(result) if one.name in last}
    inputs = [[source for source in one.inputs if source < place] for place, one in enumerate(graph)]
    beside = _beside_subgraphs(graph, inputs)
    reasons = result.delegation.reasons if result.delegation else {}
    return [
        Node(
            id=ids[place],
            operator=one.name,
            module=one.module,
            shape=one.shape,
            runs_in=PORTABLE if one.subgraph is None else result.delegate,
            subgraph=one.subgraph,
            inputs=[ids[source] for source in inputs[place]],
            precision=one.precision,
            flops=one.flops,
            mean_ms=run[place].mean_ms if place in run else None,
            share=run[place].share if place in run else None,
            layer=layers.get(place),
            reason=reasons.get(one.name, "") if one.subgraph is None else "",
            border_copy=place in beside and one.name in ONLY_COPY,
        )
        for place, one in enumerate(graph)
    ]


def _nodes_of_profile(result: Result, profile: Profile | None) -> list[Node]:
    """Return the operators as the runtime names them."""
    assert profile is not None
    shown = [one for one in profile.operators if one.kind != "delegate"]
    ids = _unique(re.sub(r"\W+", "_", one.name).strip("_") for one in shown)
    calls = _calls(profile)
    reasons = result.delegation.reasons if result.delegation else {}
    return [
        Node(
            id=name,
            operator=one.graph_name or one.name,
            module=one.module,
            shape=one.shape,
            runs_in=PORTABLE if one.kind == "portable" else result.delegate,
            subgraph=calls.index(one.instruction) if one.kind == "delegated" else None,
            flops=one.flops,
            mean_ms=one.mean_ms,
            share=one.share,
            reason=reasons.get(one.graph_name, "") if one.kind == "portable" else "",
        )
        for name, one in zip(ids, shown, strict=True)
    ]


def _parts(
    result: Result, nodes: Sequence[Node], places: Sequence[Place], profile: Profile | None
) -> list[Part]:
    """Return the parts in the order of execution.

    Args:
        result: of the cell.
        nodes: the operators.
        places: those of the nodes of a graph; empty without one.
        profile: its operators, too, belong to parts, also those that the graph does not have.

    """
    members: dict[Place, list[Node]] = defaultdict(list)
    for place, node in zip(places, nodes, strict=False):
        members[place].append(node)
    timed: dict[Place, list[Operator]] = defaultdict(list)
    if profile is not None:
        calls = _calls(profile)
        for one in profile.operators:
            timed[bisect_left(calls, one.instruction), one.kind in IN_CALLS].append(one)
    order = sorted({*members, *timed})
    where = {node.id: order.index(place) for place, node in zip(places, nodes, strict=False)}
    parts = []
    for position, place in enumerate(order):
        reads = {where[source] for node in members[place] for source in node.inputs or ()}
        times = [one.mean_ms for one in timed[place]]
        mean_ms = sum(times) if profile is not None else None
        precisions = Counter(node.precision for node in members[place] if node.precision)
        parts.append(
            Part(
                subgraph=place[0] if place[1] else None,
                runs_in=PORTABLE if result.environment.is_executorch and not place[1] else result.delegate,
                count=len(members[place]) or sum(one.kind != "delegate" for one in timed[place]),
                precisions=[name for name, _ in precisions.most_common()],
                mean_ms=mean_ms,
                share=_share(mean_ms, profile),
                rows=_rows(members[place], timed[place], profile),
                sources=sorted(reads - {position}),
            )
        )
    return parts


def _rows(nodes: Sequence[Node], timed: Sequence[Operator], profile: Profile | None) -> list[Row]:
    """Return the operators of a part by kind, those that take longest first."""
    of_kind: dict[str, list[Node]] = defaultdict(list)
    for node in nodes:
        of_kind[kind_of(node.operator)].append(node)
    times: dict[str, float] = defaultdict(float)
    names: dict[str, Counter[str]] = defaultdict(Counter)
    for one in timed:
        kind = kind_of(one.graph_name or one.name)
        times[kind] += one.mean_ms
        names[kind][one.graph_name or kind_of(one.name)] += one.kind != "delegate"
    rows = []
    for kind in {**of_kind, **times}:
        found = of_kind[kind]
        known = Counter(node.operator for node in found) or names[kind]
        mean_ms = times.get(kind)
        rows.append(
            Row(
                kind=kind,
                names=[name for name, _ in known.most_common()],
                count=len(found) if nodes else known.total(),
                mean_ms=mean_ms,
                share=_share(mean_ms, profile),
                reason="; ".join(dict.fromkeys(node.reason for node in found if node.reason)),
                border_copies=sum(node.border_copy for node in found),
            )
        )
    return sorted(rows, key=lambda row: (-(row.mean_ms or 0.0), -row.count))


def _graph_places(graph: Sequence[GraphOperator]) -> list[Place]:
    """Return the part of each operator of a graph."""
    numbers: dict[int, int] = {}  # of the subgraphs, in the order of their calls
    places: list[Place] = []
    for one in graph:
        if one.subgraph is None:
            places.append((len(numbers), False))
        else:
            places.append((numbers.setdefault(one.subgraph, len(numbers)), True))
    return places


def _beside_subgraphs(graph: Sequence[GraphOperator], inputs: Sequence[Sequence[int]]) -> set[int]:
    """Return the operators outside of subgraphs that read from one, or that one reads."""
    pairs = [(source, place) for place, sources in enumerate(inputs) for source in sources]
    crossing = [pair for pair in pairs if graph[pair[0]].subgraph != graph[pair[1]].subgraph]
    return {one for pair in crossing for one in pair if graph[one].subgraph is None}


def _calls(profile: Profile) -> list[int]:
    """Return the instructions that call a delegate, in order."""
    return sorted({one.instruction for one in profile.operators if one.kind in IN_CALLS})


def _layers(result: Result) -> Sequence[Layer]:
    numerics = result.artifact.numerics if result.artifact else None
    return numerics.layers if numerics else ()


def _share(mean_ms: float | None, profile: Profile | None) -> float | None:
    if mean_ms is None or profile is None or not profile.execute_ms:
        return None
    return mean_ms / profile.execute_ms


def _unique(names: Iterable[str]) -> list[str]:
    """Return the names, with a number where one occurs again."""
    found: list[str] = []
    taken: set[str] = set()
    numbers: Counter[str] = Counter()
    for name in names:
        unique = name
        while unique in taken:
            numbers[name] += 1
            unique = f"{name}_{numbers[name]}"
        taken.add(unique)
        found.append(unique)
    return found


def _name(result: Result) -> str:
    return cell_words(result.model_name, result.precision_short, result.delegate)
