"""Where the differences of profiled cells lie: a waterfall of each, from fp32 to the other precisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from etbench.results.charts.waterfall import waterfall
from etbench.results.diff.difference import Difference, difference_of
from etbench.results.diff.profiled import stored
from etbench.results.diff.words import HEADER, waterfall_rows
from etbench.results.report.grid import Entry, Grid
from etbench.results.schema import Result
from etbench.results.tables.frames import BASE_PRECISION

__all__ = ["MOST", "differences", "why_charts", "why_grids"]

MOST = 8  # that are drawn


def differences(results: Sequence[Result]) -> list[Difference]:
    """Return the difference of each profiled cell from fp32 on its delegate, for the first `MOST` cells."""
    found: list[Difference] = []
    for base, new in _pairs(results):
        both = stored(base), stored(new)
        if both[0] is not None and both[1] is not None and len(found) < MOST:
            found.append(difference_of(base, new, (both[0], both[1]), how=""))
    return found


def why_charts(found: Sequence[Difference]) -> list[dict[str, object]]:
    """Return the specification of a waterfall for each difference."""
    return [waterfall(one).to_dict() for one in found]


def why_grids(found: Sequence[Difference]) -> list[Grid]:
    """Return a table of the parts of each difference."""
    return [
        Grid(
            caption=f"{one.a} → {one.b}",
            labels=list(HEADER),
            numeric=[False, True, True, True, True, False],
            rows=[[Entry(text or "-") for text in row] for row in waterfall_rows(one)],
        )
        for one in found
    ]


def _pairs(results: Sequence[Result]) -> Iterator[tuple[Result, Result]]:
    """Yield each measured cell after the only fp32 cell of its model, delegate, inputs and threads."""
    measured = [one for one in results if one.status == "ok" and one.profile is not None]
    for new in measured:
        bases = [
            one
            for one in measured
            if one.precision_short == BASE_PRECISION and _setting(one) == _setting(new)
        ]
        if new.precision_short != BASE_PRECISION and len(bases) == 1:
            yield bases[0], new


def _setting(result: Result) -> tuple[object, ...]:
    inputs = result.artifact.inputs if result.artifact else None
    facts = result.environment
    return (result.model_name, result.delegate, inputs, result.weights, facts.threads, facts.host, facts.cpu)
