"""Latency against accuracy: that of the outputs with the size, and that of the accuracy function."""

from __future__ import annotations

import math

import altair as alt
import pandas as pd

from etbench.results.charts.names import name_offsets
from etbench.results.charts.style import (
    INK,
    LATENCY_TITLE,
    WIDTH,
    AnyChart,
    color,
    inline,
    log_ticks,
    nothing,
    slim,
)
from etbench.results.tables.evaluation import HIGH, LOW, PREFIX, RANDOM
from etbench.results.tables.frames import accuracies, measured_cells
from etbench.results.tables.labels import label_cells
from etbench.results.tables.metrics import METRIC
from etbench.results.tables.pareto import ROUNDING_DB, mark_pareto

__all__ = ["accuracy", "pareto"]

SIDE, COLUMNS = 190, 3
NAMED = 24  # cells; the names of more would cover each other
ENDS = ("latency_ci95_low_ms", "latency_ci95_high_ms")
PADDING, HEIGHT = 14, 280  # pixels
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


def accuracy(frame: pd.DataFrame) -> AnyChart:
    """Draw latency and accuracy of each cell with their 95 % intervals; a share of items only.

    If the accuracy function returns several shares, the first is drawn. Random weights are left out.
    """
    shares = [name for name in accuracies(frame) if f"{name}{LOW}" in frame]
    if not shares:
        return nothing("no accuracy that is a share of items was evaluated")
    name = shares[0]
    measured = label_cells(measured_cells(frame))
    measured = measured[measured[name].notna() & measured["weights"].ne(RANDOM)]
    if measured.empty:
        return nothing(f"no cell with trained weights has {name}")
    columns = {"value": name, "low": f"{name}{LOW}", "high": f"{name}{HIGH}"}
    measured = measured.assign(**{new: 100 * measured[old] for new, old in columns.items()})
    label = measured["subject"] + " " + measured["precision"]
    if measured["delegate"].nunique() > 1:
        label += " " + measured["delegate"]
    drawn = slim(
        measured.assign(label=label), ["cell", "label", "precision", "delegate", METRIC, *ENDS, *columns]
    ).sort_values([METRIC, "cell"])
    across = _pixels(drawn[[METRIC, *ENDS]].map(math.log), WIDTH)
    down = _pixels(-drawn[[*columns]], HEIGHT)
    offsets = pd.Series(name_offsets(across, down, list(drawn["label"])), drawn.index)
    per_pixel = (drawn["high"].max() - drawn["low"].min()) / (HEIGHT - 2 * PADDING)
    drawn["name_at"] = drawn["value"] - per_pixel * offsets  # there is no offset from a continuous axis
    base = alt.Chart(inline(drawn)).encode(color=color("precision"))
    titles = f"{LATENCY_TITLE}, log scale", f"{name.removeprefix(PREFIX)} (%)"
    x = alt.X(
        f"{METRIC}:Q",
        title=titles[0],
        scale=alt.Scale(type="log", padding=PADDING, nice=False),
        axis=alt.Axis(values=log_ticks(drawn[METRIC]), labelOverlap=True, format="~g"),
    )
    y = alt.Y("value:Q", title=titles[1], scale=alt.Scale(zero=False, padding=PADDING))
    known = base.transform_filter(f"isValid(datum.{ENDS[0]})")
    layers = [
        known.mark_rule(opacity=0.5).encode(x=alt.X(f"{ENDS[0]}:Q", title=titles[0]), x2=f"{ENDS[1]}:Q", y=y),
        base.mark_rule(opacity=0.5).encode(x=x, y=alt.Y("low:Q", title=titles[1]), y2="high:Q"),
        base.mark_point(filled=True, size=60, opacity=1).encode(
            x=x,
            y=y,
            shape=alt.Shape("delegate:N", legend=alt.Legend(orient="top", title=None)),
            tooltip=[
                "cell:N",
                alt.Tooltip(f"{METRIC}:Q", format=".3g"),
                *(alt.Tooltip(f"{new}:Q", format=".2f") for new in columns),
            ],
        ),
    ]
    if len(drawn) <= NAMED:
        names = base.mark_text(align="left", dx=8, dy=-9, color=INK)
        name_at = alt.Y("name_at:Q", title=titles[1])
        layers.append(names.encode(x=x, y=name_at, text="label:N", color=alt.value(INK)))
    return alt.layer(*layers).properties(
        width=WIDTH,
        height=HEIGHT,
        title=alt.Title("Accuracy against latency: up and to the left is better", anchor="start"),
    )


def _pixels(values: pd.DataFrame, size: float) -> list[float]:
    """Return where the first of these columns is on an axis of this size, which shows all of them."""
    low, high = values.min().min(), values.max().max()
    return list(PADDING + (size - 2 * PADDING) * (values.iloc[:, 0] - low) / ((high - low) or 1.0))
