"""Latency against accuracy against size, with the Pareto-optimal cells."""

from __future__ import annotations

import math

import altair as alt
import pandas as pd

from etbench.results.charts.style import INK, LATENCY_TITLE, AnyChart, color, inline, log_ticks, nothing, slim
from etbench.results.tables.labels import label_cells
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.pareto import ROUNDING_DB, mark_pareto

__all__ = ["pareto"]

SIDE, COLUMNS = 190, 3
DRAWN = [
    "setting",
    "subject",
    "precision",
    "delegate",
    METRIC,
    "sqnr_db",
    "sqnr",
    "size_mb",
    "pareto_optimal",
]


def pareto(frame: pd.DataFrame) -> AnyChart:
    """Draw latency, SQNR and, as the area of the mark, size of each cell, a panel for each model and setting.

    Filled marks on the line are Pareto-optimal, see `etbench.results.pareto_front`; hollow ones are not.
    """
    marked = label_cells(mark_pareto(frame))
    finite = marked["sqnr_db"].replace(math.inf, math.nan)
    highest = max(ROUNDING_DB, finite.max()) if len(finite.dropna()) else ROUNDING_DB
    marked = marked.assign(
        size_mb=marked["pte_bytes"].astype("float64") / 1e6,
        sqnr=marked["sqnr_db"].map(lambda db: "exact" if math.isinf(db) else f"{db:.3g} dB"),
        sqnr_db=finite.fillna(highest),  # an exact output is drawn at the top
    )
    drawn = slim(marked, DRAWN)
    if drawn.empty:
        return nothing("no cell has a latency, an SQNR and a size")
    chart = alt.Chart(inline(drawn)).encode(
        x=alt.X(
            f"{METRIC}:Q",
            title=f"{LATENCY_TITLE}, log scale",
            scale=alt.Scale(type="log", padding=14),
            axis=alt.Axis(values=log_ticks(drawn[METRIC]), labelOverlap=True, format="~g"),
        ),
        y=alt.Y("sqnr_db:Q", title="SQNR (dB)", scale=alt.Scale(zero=True, padding=10)),
    )
    front = (
        chart.transform_filter("datum.pareto_optimal")
        .mark_line(color=INK, strokeWidth=1, strokeDash=[4, 3], opacity=0.6)
        .encode(order=alt.Order(f"{METRIC}:Q"))
    )
    marks = chart.mark_point(strokeWidth=1.5, opacity=1).encode(
        color=color("precision"),
        shape=alt.Shape("delegate:N", legend=alt.Legend(orient="top", title=None)),
        size=alt.Size(
            "size_mb:Q",
            title=".pte (MB)",
            scale=alt.Scale(range=[30, 420]),
            legend=alt.Legend(orient="top", tickCount=3),
        ),
        fill=color("precision"),
        fillOpacity=alt.condition("datum.pareto_optimal", alt.value(0.75), alt.value(0)),
        tooltip=[
            *("subject:N", "precision:N", "delegate:N"),
            *(alt.Tooltip(f"{name}:Q", format=".3g") for name in (METRIC, "size_mb")),
            alt.Tooltip("sqnr:N", title="SQNR"),
            "pareto_optimal:N",
        ],
    )
    return (
        alt.layer(front, marks)
        .properties(width=SIDE, height=SIDE * 0.7)
        .facet(facet=alt.Facet("setting:N", header=alt.Header(title=None, labelFontSize=12)), columns=COLUMNS)
        .resolve_scale(x="independent")
        .properties(title=alt.Title("Fast, accurate and small: up and to the left is better", anchor="start"))
    )
