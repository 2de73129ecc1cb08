"""The parts of a difference: the change of each kind of operators, of the runtime, and what none explains."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from etbench.artifact.kinds import PRODUCTS, kind_of
from etbench.measure.pass_results import Operator
from etbench.results.diff.control import log_ratio
from etbench.results.diff.profiled import Profiled
from etbench.stats.paired import paired_difference

__all__ = [
    "ALIKE",
    "ANY_PRODUCT",
    "CONFIDENCE",
    "ELSEWHERE",
    "UNEXPLAINED",
    "Change",
    "OperatorChange",
    "Part",
    "parts_of",
]

CONFIDENCE = 0.95  # of all intervals of a difference together
ELSEWHERE = "runtime outside of operators"
ANY_PRODUCT = "convolutions and linear layers"
ALIKE = "speed of all operators alike"
UNEXPLAINED = "unexplained"
MOST_OPERATORS = 5  # of each part


class Change(Struct, frozen=True, kw_only=True):
    """A time in A and B in ms and its change, with the interval of its family; null without blocks."""

    a_ms: float
    b_ms: float
    change_ms: float
    low_ms: float | None = None
    high_ms: float | None = None

    @property
    def differs(self) -> bool:
        """Whether the interval excludes zero."""
        return (self.low_ms or 0.0) > 0 or (self.high_ms or 0.0) < 0


class OperatorChange(Struct, frozen=True, kw_only=True):
    """An operator that both programs have, or only one: then the time in the other is null."""

    name: str
    module: str
    shape: list[int]
    a_ms: float | None
    b_ms: float | None
    a_where: str = ""
    b_where: str = ""

    @property
    def change_ms(self) -> float:
        """The change of its time."""
        return (self.b_ms or 0.0) - (self.a_ms or 0.0)


class Part(Struct, frozen=True, kw_only=True):
    """The operators of one kind: their change, how many there are, and those that changed most.

    `a_portable` and `b_portable` of them run on portable kernels, the others in a delegate. `cause` is true
    if the interval of the change, at the level of the family, excludes zero.
    """

    kind: str
    change: Change
    a_count: int = 0
    b_count: int = 0
    a_portable: int = 0
    b_portable: int = 0
    operators: list[OperatorChange] = []
    cause: bool = False


def parts_of(a: Profiled, b: Profiled) -> tuple[Change, list[Part], Part]:
    """Return the change of the latency, its parts with the largest first, and what they do not explain.

    Each block has the latency of both programs, and the times of their operators. The change of a part is
    taken block by block, and its interval is that of a signed rank (`etbench.stats.paired`); all intervals
    hold together with 95 %, by Bonferroni. Rounds differ in speed by far more than the operators within a
    round, so the parts are compared at equal speed, which `etbench.results.diff.control` takes from the
    operators that are the same in both programs; what the two differ in speed is a part by itself. The
    unexplained part is the change of the latency less that of all operators; what the profiler itself takes
    is in it.
    """
    slower, kind = log_ratio(a, b), _naming(a, b)
    times_a, times_b = _by_kind(a, kind), _by_kind(b, kind)
    whole_a, whole_b = sum(times_a.values()), sum(times_b.values())
    kinds = list(dict.fromkeys([*times_a, *times_b]))
    confidence = 1 - (1 - CONFIDENCE) / (len(kinds) + 3)
    nothing = np.zeros(len(a.latency_ms))
    latency_a, latency_b = np.array(a.latency_ms), np.array(b.latency_ms)
    latency = _change(latency_a, latency_b, confidence)
    at_a, at_b = np.exp(slower / 2), np.exp(-slower / 2)
    parts = [
        _part(
            name,
            [one for one in a.operators if kind(one) == name],
            [one for one in b.operators if kind(one) == name],
            _change(times_a.get(name, nothing) * at_a, times_b.get(name, nothing) * at_b, confidence),
        )
        for name in kinds
    ]
    if slower.any():
        parts.append(_alike(_change(whole_a * (1 - at_a), whole_b * (1 - at_b), confidence)))
    parts.sort(key=lambda part: (not part.cause, -abs(part.change.change_ms)))
    rest = _change(latency_a - whole_a, latency_b - whole_b, confidence)
    return latency, parts, Part(kind=UNEXPLAINED, change=rest)


def _alike(change: Change) -> Part:
    return Part(kind=ALIKE, change=change, cause=change.differs)


def _by_kind(program: Profiled, kind_of_one: Callable[[Operator], str]) -> dict[str, NDArray[np.float64]]:
    """Return the time of each kind in each block."""
    times = np.array(program.times_ms).reshape(len(program.times_ms), len(program.operators))
    found: dict[str, NDArray[np.float64]] = {}
    for position, operator in enumerate(program.operators):
        kind = kind_of_one(operator)
        found[kind] = found.get(kind, 0.0) + times[:, position]
    return {**found, ELSEWHERE: np.array(program.elsewhere_ms)}


def _naming(a: Profiled, b: Profiled) -> Callable[[Operator], str]:
    """Return a function that names the kind of an operator.

    Convolutions and linear layers are one kind if it is not known which operator of the graph one of them is,
    since XNNPACK runs some convolutions as linear layers.
    """
    unknown = any(
        one.kind == "delegated" and not one.graph_name and kind_of(one.name) in PRODUCTS
        for program in (a, b)
        for one in program.operators
    )

    def name(operator: Operator) -> str:
        kind = kind_of(operator.graph_name or operator.name)
        return ANY_PRODUCT if unknown and kind in PRODUCTS else kind

    return name


def _change(a: NDArray[np.float64], b: NDArray[np.float64], confidence: float) -> Change:
    located = paired_difference(a.tolist(), b.tolist(), confidence=confidence)
    bounds = (located.low, located.high) if np.isfinite(located.low) else (None, None)
    return Change(
        a_ms=float(np.median(a)),
        b_ms=float(np.median(b)),
        change_ms=located.change,
        low_ms=bounds[0],
        high_ms=bounds[1],
    )


def _part(kind: str, of_a: Sequence[Operator], of_b: Sequence[Operator], change: Change) -> Part:
    changes = sorted(_matched(of_a, of_b), key=lambda one: -abs(one.change_ms))
    return Part(
        kind=kind,
        change=change,
        a_count=len(of_a),
        b_count=len(of_b),
        a_portable=_portable(of_a),
        b_portable=_portable(of_b),
        operators=changes[:MOST_OPERATORS],
        cause=change.differs,
    )


def _portable(operators: Sequence[Operator]) -> int:
    return sum(one.kind == "portable" for one in operators)


def _matched(of_a: Sequence[Operator], of_b: Sequence[Operator]) -> list[OperatorChange]:
    """Match operators of one kind by module and shape and, among those that are alike, by their order.

    Without modules, the shape and the order remain; without shapes too, they are matched in order only if
    both programs have as many.
    """
    places: dict[tuple[object, ...], list[Operator]] = defaultdict(list)
    seen: Counter[tuple[object, ...]] = Counter()
    blind = len(of_a) != len(of_b)
    for one in of_b:
        places[_place(one)].append(one)
    found = []
    for one in of_a:
        place = _place(one)
        alike, number = places[place], seen[place]
        seen[place] += 1
        known = bool(one.module or one.shape)
        other = alike[number] if number < len(alike) and (known or not blind) else None
        found.append(_operator_change(one, other))
    for place, ones in places.items():
        left = ones if blind and not any(place) else ones[seen[place] :]
        found += [_operator_change(None, one) for one in left]
    return found


def _place(operator: Operator) -> tuple[object, ...]:
    return operator.module, tuple(operator.shape)


def _operator_change(a: Operator | None, b: Operator | None) -> OperatorChange:
    either = a or b
    assert either is not None
    return OperatorChange(
        name=either.graph_name or either.name,
        module=either.module,
        shape=either.shape,
        a_ms=a.mean_ms if a else None,
        b_ms=b.mean_ms if b else None,
        a_where=a.kind if a else "",
        b_where=b.kind if b else "",
    )
