"""The whole difference between two cells: its parts, what their delegates took, and what their files hold."""

from __future__ import annotations

from msgspec import Struct

from etbench.artifact import Delegation
from etbench.results.diff.parts import Change, Part, parts_of
from etbench.results.diff.profiled import Profiled
from etbench.results.schema import Result
from etbench.results.schema.names import cell_words

__all__ = ["Delegated", "Difference", "Size", "difference_of"]


class Delegated(Struct, frozen=True, kw_only=True):
    """An operator of the graphs that one delegate took more often than the other.

    `a_taken` of `a_count` are delegated in A; `reason` is why the others are not, as the partitioner of the
    program that left more of them behind reports it, empty if it does not.
    """

    name: str
    a_taken: int
    a_count: int
    b_taken: int
    b_count: int
    reason: str = ""


class Size(Struct, frozen=True, kw_only=True):
    """A count or a number of bytes in both programs."""

    name: str
    a: int | None
    b: int | None


class Difference(Struct, frozen=True, kw_only=True):
    """Where the difference of two cells' latencies lies, from A to B.

    `interleaved` is true if the operators of both were timed in the same `blocks`; otherwise there are no
    intervals, and nothing is a cause. `parts` are ordered by the size of their change, causes first.
    """

    a: str
    b: str
    how: str
    interleaved: bool
    blocks: int
    same_program: bool
    latency: Change
    parts: list[Part]
    unexplained: Part
    delegation: list[Delegated]
    counts: list[Size]
    sizes: list[Size]
    notes: list[str] = []

    @property
    def causes(self) -> list[Part]:
        """The parts whose interval excludes zero, the largest first."""
        return [part for part in self.parts if part.cause]


def difference_of(
    a: Result, b: Result, profiles: tuple[Profiled, Profiled], *, how: str, notes: list[str] | None = None
) -> Difference:
    """Return the difference between two results.

    Args:
        a: the cell to start from.
        b: the other one.
        profiles: the operators' times of both, of the same blocks if there is more than one.
        how: how the profiles were measured, in words.
        notes: further remarks.

    """
    latency, parts, unexplained = parts_of(*profiles)
    blocks = len(profiles[0].latency_ms)
    return Difference(
        a=_name(a),
        b=_name(b),
        how=how,
        interleaved=blocks > 1,
        blocks=blocks,
        same_program=bool(a.artifact and b.artifact and a.artifact.sha256 == b.artifact.sha256),
        latency=latency,
        parts=parts,
        unexplained=unexplained,
        delegation=_delegation(a.delegation, b.delegation),
        counts=_counts(a.delegation, b.delegation),
        sizes=_sizes(a, b),
        notes=notes or [],
    )


def _name(result: Result) -> str:
    return cell_words(result.model_name, result.precision_short, result.delegate)


def _delegation(one: Delegation | None, other: Delegation | None) -> list[Delegated]:
    """Return the operators of which the share that is delegated differs."""
    if one is None or other is None:
        return []
    names = dict.fromkeys(name for name in [*one.left_behind, *other.left_behind] if name != "getitem")
    found = []
    for name in names:
        counts = (*_taken(one, name), *_taken(other, name))
        taken_a, count_a, taken_b, count_b = counts
        if taken_a * count_b == taken_b * count_a and (count_a > 0) == (count_b > 0):
            continue
        more = other if count_b - taken_b > count_a - taken_a else one
        found.append(
            Delegated(
                name=name,
                a_taken=taken_a,
                a_count=count_a,
                b_taken=taken_b,
                b_count=count_b,
                reason=more.reasons.get(name, ""),
            )
        )
    return sorted(found, key=lambda one: -abs(one.a_taken - one.b_taken))


def _taken(delegation: Delegation, name: str) -> tuple[int, int]:
    taken = delegation.delegated.get(name, 0)
    return taken, taken + delegation.left_behind.get(name, 0)


def _counts(a: Delegation | None, b: Delegation | None) -> list[Size]:
    fields = {
        "subgraphs": "subgraphs",
        "tensors into subgraphs": "tensors_in",
        "tensors out of subgraphs": "tensors_out",
        "copies at their borders": "border_copies",
        "operators": "total_nodes",
    }
    return [
        Size(
            name=name,
            a=getattr(a, field) if a else None,
            b=getattr(b, field) if b else None,
        )
        for name, field in fields.items()
    ]


def _sizes(a: Result, b: Result) -> list[Size]:
    of_a, of_b = _bytes(a), _bytes(b)
    return [Size(name=name, a=of_a.get(name), b=of_b.get(name)) for name in {**of_a, **of_b}]


def _bytes(result: Result) -> dict[str, int | None]:
    """Return the sizes of the parts of a program; what is not known is None."""
    artifact = result.artifact
    if artifact is None:
        return {}
    constants, delegates = artifact.constant_bytes, artifact.delegate_bytes
    known = constants is not None and delegates is not None
    return {
        "file": artifact.pte_bytes,
        "weights outside delegates": constants,
        "graphs and weights of delegates": delegates,
        "the rest of the file": artifact.pte_bytes - (constants or 0) - (delegates or 0) if known else None,
        "planned memory": result.planned_bytes,
    }
