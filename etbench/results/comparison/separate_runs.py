"""The runs of a cell that were not interleaved with those it is compared with, and what they can show."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from datetime import datetime
from math import nan

from msgspec import Struct

from etbench.results.comparison.conditions import differences
from etbench.results.comparison.pairing import cell_name, is_same_cell
from etbench.results.schema import Result
from etbench.stats.separate import SeparateRatio
from etbench.text import counted, seconds_text

__all__ = ["SeparateRuns", "by_name", "runs_like", "smallest_regression"]


class SeparateRuns(Struct, frozen=True, kw_only=True):
    """The runs of the same program in the same conditions on each side, in the order of time."""

    base: list[Result]
    new: list[Result]

    @property
    def doubt(self) -> str:
        """Why these runs do not show how far apart runs of one program are; empty if they do."""
        if any(one.kind == "machines" for one in differences(self.base[-1], self.new[-1])):
            return "runs of one machine do not show how far apart runs of two machines are"
        if len(self.base) == len(self.new) == 1:
            return "one run of each does not show how far apart runs of one program are"
        base, new = ([_started_s(result) for result in side] for side in (self.base, self.new))
        span = max(max(side) - min(side) for side in (base, new))
        gap = min(abs(one - other) for one in base for other in new)
        if gap <= span:
            return ""
        runs = counted(max(len(base), len(new)), "run")
        return (
            f"{runs} within {seconds_text(span)} do not show how far apart runs are {seconds_text(gap)} later"
        )

    @property
    def rounds(self) -> tuple[list[list[list[float]]], list[list[list[float]]]]:
        """The rounds of the runs of both sides that can be used: all, or only the newest if in doubt."""
        start = -1 if self.doubt else 0
        base, new = ([run.rounds for run in side[start:]] for side in (self.base, self.new))
        return base, new


def by_name(results: Iterable[Result]) -> dict[str, list[Result]]:
    """Return the results of each model, precision and delegate."""
    named: dict[str, list[Result]] = {}
    for result in results:
        named.setdefault(cell_name(result), []).append(result)
    return named


def runs_like(result: Result, results: Sequence[Result]) -> list[Result]:
    """Return the runs of a result's cell with the same program and conditions, itself the last.

    Cells of one turn are one run, of which the newest counts, and a copy of a file is not another run.
    """
    alike = [
        other
        for other in results
        if other.status == "ok"
        and other.rounds
        and other.created_at <= result.created_at
        and is_same_cell(other, result)
        and _program(other) == _program(result)
        and not differences(other, result)
    ]
    runs = {_run(other): other for other in sorted(alike, key=lambda one: one.created_at)}
    runs.pop(_run(result), None)
    return [*runs.values(), result]


def smallest_regression(ratio: SeparateRatio, threshold: float) -> float:
    """Return the ratio above which this interval would have shown a slowdown by more than the threshold."""
    return (1 + threshold) * ratio.ratio / ratio.low


def _run(result: Result) -> Hashable:
    """Return what results of one run share."""
    latency = result.latency_ms
    return result.turn_id or (result.created_at, latency and (latency.avg, latency.std_dev))


def _program(result: Result) -> str | None:
    return result.artifact.sha256 if result.artifact else None


def _started_s(result: Result) -> float:
    """Return when a run began; NaN, which is near no other, if its file does not say."""
    try:
        return datetime.fromisoformat(result.created_at).timestamp()
    except ValueError:
        return nan
