"""A program with the times of its operators, block by block, as it is compared with another one."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec
from msgspec import Struct

from etbench.artifact import GraphOperator
from etbench.measure.operator_places import with_places
from etbench.measure.pass_results import Operator, Profile
from etbench.results.schema import Result, without_emulated_times

__all__ = ["Profiled", "from_blocks", "stored"]


class Profiled(Struct, frozen=True, kw_only=True):
    """A program's operators in the order of execution, and what each block measured.

    `latency_ms` has the median latency of each block without the profiler, `times_ms` the times of the
    operators and `elsewhere_ms` the time of the runtime outside of them, with the profiler. A stored profile
    is a single block.
    """

    operators: list[Operator]
    latency_ms: list[float]
    times_ms: list[list[float]]
    elsewhere_ms: list[float]


def stored(result: Result) -> Profiled | None:
    """Return the profile in a result; None if it was not profiled, or has no latency of a real machine."""
    profile, latency = result.profile, without_emulated_times(result).latency_ms
    if profile is None or latency is None:
        return None
    return Profiled(
        operators=profile.operators,
        latency_ms=[latency.avg if latency.p50 is None else latency.p50],
        times_ms=[[one.mean_ms for one in profile.operators]],
        elsewhere_ms=[profile.elsewhere_ms],
    )


def from_blocks(
    rounds_ms: Sequence[Sequence[float]], profiles: Sequence[Profile], graph: Sequence[GraphOperator] = ()
) -> Profiled:
    """Return what the blocks of an interleaved measurement show of one program.

    Args:
        rounds_ms: the samples of each block.
        profiles: of the same blocks; all have the same operators, since the inputs are the same.
        graph: the operators of the lowered graph, if they are known.

    """
    first = with_places(profiles[0], graph)
    names = [one.name for one in first.operators]
    assert all([one.name for one in profile.operators] == names for profile in profiles)
    times = [[one.mean_ms for one in profile.operators] for profile in profiles]
    typical = [median(column) for column in zip(*times, strict=True)]
    operators = [
        msgspec.structs.replace(one, mean_ms=ms) for one, ms in zip(first.operators, typical, strict=True)
    ]
    return Profiled(
        operators=operators,
        latency_ms=[median(samples) for samples in rounds_ms],
        times_ms=times,
        elsewhere_ms=[profile.elsewhere_ms for profile in profiles],
    )
