"""The tables of a report about where the time of profiled cells goes, by kind and by module."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from etbench.results.operator_summary import UNKNOWN, By, summarize_operators
from etbench.results.report.grid import CELL, Grid, Heading, grid
from etbench.results.schema import Result
from etbench.results.tables.numbers import in_percent, number

__all__ = ["summary_grids"]

IDENTITY = [heading.column for heading in CELL]
TITLES: dict[By, str] = {"kind": "Time by kind of operator", "module": "Time by module"}


def summary_grids(frame: pd.DataFrame, results: Sequence[Result], top: int) -> Iterator[Grid]:
    """Yield a table by kind and, if modules are known, one by module.

    Args:
        frame: the cells, with their labels.
        results: the same cells, in the same order.
        top: how many groups of each cell are listed.

    """
    names = frame[IDENTITY].itertuples(index=False, name=None)
    named = [dict(zip(IDENTITY, name, strict=True)) for name in names]
    for by, title in TITLES.items():
        rows: list[dict[str, Any]] = []
        for name, result in zip(named, results, strict=True):
            groups = summarize_operators(result.profile, by)[:top] if result.profile else []
            if by == "kind" or any(group.name != UNKNOWN for group in groups if group.count):
                rows += [
                    {
                        **name,
                        "group": group.name,
                        "count": group.count or None,
                        "portable": group.portable or None,
                        "mean_ms": group.mean_ms,
                        "share": group.share,
                        "cumulative": group.cumulative,
                        "gflop": group.flops / 1e9 if group.flops else None,
                        "speed": group.gflops_per_s,
                    }
                    for group in groups
                ]
        if rows:
            yield grid(pd.DataFrame(rows), [*CELL, Heading("group", by), *_figures()], title)


def _figures() -> list[Heading]:
    return [
        Heading("count", "operators", number),
        Heading("portable", "of them portable", number),
        Heading("mean_ms", "mean ms", number),
        Heading("share", "share %", in_percent),
        Heading("cumulative", "together %", in_percent),
        Heading("gflop", "GFLOP", number),
        Heading("speed", "GFLOP/s", number),
    ]
