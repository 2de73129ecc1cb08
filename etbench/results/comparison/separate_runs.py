"""The runs of a cell that were not interleaved with those it is compared with, and what they can show."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from datetime import datetime
from math import isnan, nan

from msgspec import Struct

from etbench.results.comparison.conditions import differences
from etbench.results.comparison.pairing import cell_name, is_same_cell
from etbench.results.schema import Result
from etbench.stats.separate import SeparateRatio, separate_at
from etbench.text import counted, seconds_text

__all__ = ["SeparateRuns", "separate_runs"]


class SeparateRuns(Struct, frozen=True, kw_only=True):
    """The runs of the same program in the same conditions on each side, in the order of time."""

    base: list[Result]
    new: list[Result]

    @property
    def newest(self) -> tuple[Result, Result]:
        """The newest run of each side."""
        return self.base[-1], self.new[-1]

    @property
    def doubt(self) -> str:
        """Why these runs do not show how far apart runs of one program are; empty if they do."""
        if any(one.kind == "machines" for one in differences(*self.newest)):
            return "runs of one machine do not show how far apart runs of two machines are"
        if len(self.base) == len(self.new) == 1:
            return "one run of each does not show how far apart runs of one program are"
        base, new = ([_started_s(result) for result in side] for side in (self.base, self.new))
        span = max(max(side) - min(side) for side in (base, new))
        gap = min(abs(one - other) for one in base for other in new)
        if gap <= span:
            return ""
        if isnan(span + gap):
            return "a file does not record when its run began"
        runs = counted(max(len(base), len(new)), "run")
        return f"{runs} within {_time_text(span)} do not show how far apart runs are after {_time_text(gap)}"

    def at(self, drift: float | None = None) -> Callable[[float], SeparateRatio] | None:
        """Return the ratio as a function of the confidence, None with too few rounds; see `separate_at`.

        It has no interval if the runs are in doubt and the drift is not given.
        """
        start = -1 if self.doubt else 0
        base, new = ([run.rounds for run in side[start:]] for side in (self.base, self.new))
        return separate_at(base, new, drift=drift)

    def why_open(self, threshold: float, confidence: float, drift: float | None = None) -> str:
        """Explain why these runs do not decide.

        Args:
            threshold: 0.05 allows the new program to be 5 % slower.
            confidence: of the interval whose lower end decides about a regression.
            drift: that was given.

        """
        at = self.at(drift)
        if at is None:
            return "too few rounds for an interval"
        ratio = at(confidence)
        if ratio.drift is None:
            return self.doubt
        if ratio.low == 0:
            return f"{ratio.drift:.1%} between too few runs"
        least = (1 + threshold) * ratio.ratio / ratio.low
        return f"with {ratio.drift:.1%} between runs, only a ratio above {least:.2f} can be a regression"


def separate_runs(
    pairs: Sequence[tuple[Result, Result]], base: Iterable[Result], new: Iterable[Result]
) -> list[SeparateRuns]:
    """Return the runs of each pair of newest results, which are among all results of the two sides."""
    bases, news = _by_name(base), _by_name(new)
    return [
        SeparateRuns(base=runs_like(old, bases[cell_name(old)]), new=runs_like(now, news[cell_name(now)]))
        for old, now in pairs
    ]


def runs_like(result: Result, results: Sequence[Result]) -> list[Result]:
    """Return the runs of a result's cell with the same program and conditions, itself the last.

    Of cells that were interleaved with each other the newest counts, and a copy of a file is not a run.
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


def _by_name(results: Iterable[Result]) -> dict[str, list[Result]]:
    named: dict[str, list[Result]] = {}
    for result in results:
        named.setdefault(cell_name(result), []).append(result)
    return named


def _run(result: Result) -> Hashable:
    """Return what results of one run share."""
    latency = result.latency_ms
    return result.turn_id or (result.created_at, latency and (latency.avg, latency.std_dev))


def _program(result: Result) -> str | None:
    return result.artifact.sha256 if result.artifact else None


def _started_s(result: Result) -> float:
    """Return when a run began; NaN, which is near no other, if its file does not have it."""
    try:
        return datetime.fromisoformat(result.created_at).timestamp()
    except ValueError:
        return nan


def _time_text(seconds: float) -> str:
    for unit, length in (("days", 86_400), ("hours", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return seconds_text(seconds)
