"""Charts of a program: how much of it a delegate runs, and which operators take longest."""

from __future__ import annotations

import altair as alt
import pandas as pd

from etbench.results.charts.style import (
    BAR,
    INK,
    PALETTE,
    WIDTH,
    AnyChart,
    color,
    inline,
    nothing,
    one_cell,
    slim,
)
from etbench.results.tables.frames import profile
from etbench.results.tables.labels import label_cells

__all__ = ["coverage_bars", "operator_bars"]

KINDS = ["delegated", "delegate", "portable", "runtime"]


def coverage_bars(frame: pd.DataFrame) -> AnyChart:
    """Draw the share of graph nodes that a delegate runs, for each model and precision, by delegate.

    Delegates that never run anything, such as portable kernels, are left out.
    """
    known = label_cells(frame[frame["delegated_share"].notna()])
    takes = known["delegated_share"].groupby(known["delegate"]).transform("max") > 0
    drawn = slim(known[takes], ["subject", "precision", "delegate", "delegated_share"])
    if drawn.empty:
        return nothing("no delegate runs any part of these cells")
    chart = alt.Chart(inline(drawn)).encode(
        x=alt.X(
            "delegated_share:Q",
            title="share of graph nodes delegated",
            scale=alt.Scale(domain=[0, 1]),
            axis=alt.Axis(format=".0%", tickCount=6),
        ),
        y=alt.Y("subject:N", title=None, sort=alt.EncodingSortField("delegated_share", op="max")),
        yOffset=alt.YOffset("precision:N"),
        tooltip=[
            *("subject:N", "precision:N", "delegate:N"),
            alt.Tooltip("delegated_share:Q", format=".1%"),
        ],
    )
    labels = chart.mark_text(align="left", dx=3, fontSize=10, color=INK)
    layers = chart.mark_bar().encode(color=color("precision")) + labels.encode(
        text=alt.Text("delegated_share:Q", format=".3~p")
    )
    return (
        layers.properties(width=WIDTH, height=alt.Step(BAR))
        .facet(row=alt.Row("delegate:N", header=alt.Header(title=None, labelFontSize=12)))
        .properties(title=alt.Title("Delegation coverage", anchor="middle"))
    )


def operator_bars(frame: pd.DataFrame, cell: str | None = None, top: int = 10) -> AnyChart:
    """Draw the operators that take longest, with their share of the inference, of one profiled cell.

    Args:
        frame: the cells.
        cell: as `label_cells` names it; by default the first one, with a menu of all profiled cells if the
            chart is interactive.
        top: how many operators.

    """
    drawn = _longest(frame, top)
    names = list(dict.fromkeys(drawn["cell"])) if cell is None else [cell]
    drawn = drawn[drawn["cell"].isin(names)]
    if drawn.empty:
        return nothing("no cell was profiled; profile cells with profile=true")
    chart = alt.Chart(inline(drawn)).encode(
        x=alt.X("mean_ms:Q", title="mean time with the profiler on (ms)"),
        y=alt.Y("label:N", title=None, sort=alt.EncodingSortField("mean_ms", op="max", order="descending")),
        tooltip=[
            *("operator:N", "kind:N"),
            alt.Tooltip("mean_ms:Q", format=".3g"),
            alt.Tooltip("share:Q", format=".1%"),
        ],
    )
    chart, title = one_cell(chart, names, f"The {top} longest operators")
    kinds = alt.Color(
        "kind:N",
        scale=alt.Scale(domain=KINDS, range=[PALETTE[place] for place in (0, 4, 1, 2)]),
        legend=alt.Legend(orient="top", title=None),
    )
    labels = chart.mark_text(align="left", dx=3, fontSize=10, color=INK)
    layers = chart.mark_bar().encode(color=kinds) + labels.encode(text=alt.Text("share:Q", format=".1%"))
    return layers.properties(title=title, width=WIDTH, height=alt.Step(BAR))


def _longest(frame: pd.DataFrame, top: int) -> pd.DataFrame:
    """Return the operators that take longest in each cell, labelled with their position in the program."""
    named = label_cells(frame)
    operators = profile(named.assign(model=named["subject"]))
    cell = operators["model"] + " " + operators["precision"] + " " + operators["delegate"]
    label = operators["operator"] + " @" + operators["position"].astype(str)
    rank = operators["mean_ms"].groupby(cell).rank(method="first", ascending=False)
    columns = ["cell", "label", "operator", "kind", "mean_ms", "share"]
    return slim(operators.assign(cell=cell, label=label)[rank <= top], columns)
