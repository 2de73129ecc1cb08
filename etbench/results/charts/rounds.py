"""The spread of the rounds of a cell, and of the samples within them."""

from __future__ import annotations

import altair as alt
import numpy as np
import pandas as pd

from etbench.results.charts.style import (
    BAR,
    PALETTE,
    WARNING,
    WIDTH,
    AnyChart,
    inline,
    nothing,
    one_cell,
    slim,
)
from etbench.results.tables.rounds import by_spread

__all__ = ["round_boxes", "round_strips"]

QUARTILES = ["min_ms", "q1_ms", "median_ms", "q3_ms", "max_ms"]
HEIGHT = 220
# Of one cell: more would overlap, and 100,000 take more than a minute to draw.
MOST_POINTS = 1000
MOST_BOXES = 160


def round_strips(rounds: pd.DataFrame) -> AnyChart:
    """Draw the median of each round, relative to the cell's, a strip for each cell, widest spread first.

    Of a cell with more than 1,000 rounds, every second, third, … is drawn, and its fastest and slowest.

    Args:
        rounds: from `etbench.results.round_table`.

    """
    if rounds.empty:
        return nothing("no cell has rounds")
    some = _thinned(rounds)
    left_out = "" if len(some) == len(rounds) else f" ({len(some):,} of {len(rounds):,} rounds)"
    drawn = slim(some, ["cell", "round", "median_ms", "samples", "deviation", "outlying"])
    return (
        alt.Chart(inline(drawn))
        .mark_point(filled=True, size=36, opacity=0.65)
        .encode(
            x=alt.X(
                "deviation:Q",
                title="round median relative to that of the cell",
                axis=alt.Axis(format="+.0%", tickCount=8),
            ),
            y=alt.Y("cell:N", title=None, sort=by_spread(rounds), axis=alt.Axis(grid=True)),
            color=_outlying(alt.Color),
            shape=_outlying(alt.Shape),
            tooltip=[
                *("cell:N", "round:Q", "samples:Q", "outlying:N"),
                alt.Tooltip("median_ms:Q", format=".4g"),
                alt.Tooltip("deviation:Q", format="+.1%"),
            ],
        )
        .properties(title=f"Rounds of each cell{left_out}", width=WIDTH, height=alt.Step(BAR))
    )


def round_boxes(rounds: pd.DataFrame, cell: str | None = None) -> AnyChart:
    """Draw the samples of each round of one cell: a box between the quartiles, a line to the extremes.

    If a cell has more than 160 rounds, a box is of several rounds: with the medians of their quartiles, and
    their extremes.

    Args:
        rounds: from `etbench.results.round_table`.
        cell: the cell to draw; by default the one with the widest spread, with a menu of all cells if the
            chart is interactive.

    """
    if rounds.empty:
        return nothing("no cell has rounds")
    names = by_spread(rounds) if cell is None else [cell]
    grouped, size = _grouped(rounds[rounds["cell"].isin(names)])
    drawn = slim(grouped, ["cell", "round", "samples", *QUARTILES, "outlying"])
    chart = alt.Chart(inline(drawn)).encode(
        x=alt.X(
            "round:O",
            title="round, in order of time" if size == 1 else f"first of {size} rounds",
            axis=alt.Axis(labelAngle=0, labelOverlap=True),
        ),
        tooltip=["round:O", "samples:Q", *(alt.Tooltip(f"{name}:Q", format=".4g") for name in QUARTILES)],
    )
    chart, title = one_cell(chart, names, "Samples by round" if size == 1 else f"Samples by {size} rounds")
    scale = alt.Scale(zero=False)
    whiskers = chart.mark_rule().encode(
        y=alt.Y("min_ms:Q", title="latency (ms)", scale=scale),
        y2="max_ms:Q",
        color=_outlying(alt.Color),
    )
    boxes = chart.mark_bar(width={"band": 0.6}).encode(y="q1_ms:Q", y2="q3_ms:Q", color=_outlying(alt.Color))
    medians = chart.mark_tick(color="white", width={"band": 0.6}, thickness=2).encode(y="median_ms:Q")
    return alt.layer(whiskers, boxes, medians).properties(title=title, width=WIDTH, height=HEIGHT)


def _thinned(rounds: pd.DataFrame) -> pd.DataFrame:
    """Return at most about `MOST_POINTS` rounds of each cell, evenly over time, and its extremes."""
    by_cell = rounds.groupby("cell")
    step = np.ceil(by_cell["round"].transform("size") / MOST_POINTS)
    extremes = [*by_cell["deviation"].idxmin(), *by_cell["deviation"].idxmax()]
    drawn: pd.DataFrame = rounds.loc[(by_cell.cumcount() % step == 0) | rounds.index.isin(extremes)]
    return drawn


def _grouped(rounds: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the rounds of each cell in at most `MOST_BOXES` groups of neighbours, and the groups' size."""
    number = rounds.groupby("cell").cumcount()
    size = int(number.max()) // MOST_BOXES + 1
    if size == 1:
        return rounds, size
    how = {
        **{"round": "first", "samples": "sum", "min_ms": "min", "max_ms": "max", "outlying": "any"},
        **dict.fromkeys(("q1_ms", "median_ms", "q3_ms"), "median"),
    }
    return rounds.groupby(["cell", number // size], sort=False).agg(how).reset_index("cell"), size


def _outlying(channel: type[alt.Color] | type[alt.Shape]) -> alt.Color | alt.Shape:
    """Mark outlying rounds by colour and by shape."""
    look = [PALETTE[0], WARNING] if channel is alt.Color else ["circle", "triangle-up"]
    words = "datum.value === 'true' || datum.value === true ? 'outlying round' : 'round'"
    return channel(
        "outlying:N",
        scale=alt.Scale(domain=[False, True], range=look),
        legend=alt.Legend(orient="top", title=None, labelExpr=words),
    )
