"""Bars and dots that compare precisions, delegates, and speedups, with their 95 % intervals."""

from __future__ import annotations

from typing import Literal

import altair as alt
import pandas as pd

from etbench.results.charts.style import BAR, INK, WIDTH, AnyChart, color, inline, latency_axis, nothing, slim
from etbench.results.tables.frames import BASE_PRECISION, against, base_delegate, measured_cells
from etbench.results.tables.labels import label_cells
from etbench.results.tables.metrics import METRIC

__all__ = ["delegate_bars", "precision_bars", "speedup_bars"]

LATENCY = (METRIC, "latency_ci95_low_ms", "latency_ci95_high_ms")
SPEEDUP = ("speedup", "speedup_ci95_low", "speedup_ci95_high")
CELL = ["subject", "precision", "delegate"]


def precision_bars(frame: pd.DataFrame, delegate: str = "xnnpack") -> AnyChart:
    """Draw p50 of each precision beside the others, for each model on one delegate."""
    chosen = _measured(frame, delegate=delegate)
    if chosen.empty:
        return nothing(f"no cell was measured on {delegate}")
    axis, start = latency_axis(METRIC, chosen[METRIC])
    bars = _bars(chosen, LATENCY, "precision", axis, start=start)
    return bars.properties(title=f"Precisions on {delegate}", width=WIDTH, height=alt.Step(BAR))


def delegate_bars(frame: pd.DataFrame, precision: str = "fp32") -> AnyChart:
    """Draw p50 of each delegate as a dot on a log axis, for each model in one precision."""
    chosen = _measured(frame, precision=precision)
    if chosen.empty:
        return nothing(f"no cell was measured in {precision}")
    axis, start = latency_axis(METRIC, chosen[METRIC], log=True)
    bars = _bars(chosen, LATENCY, "delegate", axis, start=start)
    return bars.properties(title=f"Delegates in {precision}", width=WIDTH, height=alt.Step(BAR))


def speedup_bars(
    frame: pd.DataFrame, base: str | None = None, *, by: Literal["precision", "delegate"] = "precision"
) -> AnyChart:
    """Draw how many times as fast each precision or delegate is as the baseline, for each model.

    The baseline is fp32, or the delegate of `base_delegate`, unless you name another one.
    """
    if base is None:
        base = BASE_PRECISION if by == "precision" else base_delegate(frame)
    pairs = against(label_cells(frame), by, base)
    if pairs.empty:
        return nothing(f"no cell was measured both in {base} and in another {by}")
    widest = round(max(1.5, 1.25 * pairs["speedup"].max()), 2)
    axis = alt.X(
        "speedup:Q",
        title=f"speedup over {base} (x); right of the line is faster",
        scale=alt.Scale(domain=[0, widest]),
        axis=alt.Axis(tickCount=6),
    )
    drawn = slim(pairs, [*CELL, *SPEEDUP])
    bars = _bars(drawn, SPEEDUP, "delegate", axis, start=1.0, best_first="max", most=widest)
    even = alt.Chart(bars.data).mark_rule(strokeDash=[4, 3], color="gray").encode(x=alt.datum(1.0))
    header = alt.Header(title=None, labelFontSize=12)
    return (
        (even + bars)
        .properties(width=WIDTH, height=alt.Step(BAR))
        .facet(row=alt.Row("precision:N", header=header))
        .properties(title=alt.Title(f"Speedup over {base}", anchor="middle"))
    )


def _bars(
    frame: pd.DataFrame,
    figures: tuple[str, str, str],
    group: str,
    axis: alt.X,
    *,
    start: float = 0.0,
    best_first: Literal["min", "max"] = "min",
    most: float | None = None,
) -> alt.LayerChart:
    """Draw a value with its interval, labelled with it, grouped within each subject.

    It is a bar if the axis begins at zero, and else a dot: the length of a bar that starts anywhere else
    means nothing. An interval that goes beyond `most`, the end of the axis, is cut off there.
    """
    value, low, high = figures
    end = f"max(datum.{value}, isValid(datum.{high}) ? datum.{high} : 0)"
    order = {"min": "ascending", "max": "descending"}[best_first]
    sort = alt.EncodingSortField(value, op=best_first, order=order)
    chart = alt.Chart(inline(frame)).encode(
        x=axis,
        y=alt.Y("subject:N", title=None, sort=sort),
        yOffset=alt.YOffset(f"{group}:N"),
        tooltip=[f"{name}:N" for name in CELL] + [alt.Tooltip(f"{name}:Q", format=".3g") for name in figures],
    )
    if start:
        bars = chart.mark_point(filled=True, size=48, opacity=1).encode(color=color(group))
    else:
        bars = chart.mark_bar().encode(x2=alt.datum(start), color=color(group))
    whiskers = (
        chart.transform_filter(f"isValid(datum.{low})")
        .mark_rule(strokeWidth=1.5, color=INK, clip=True)
        .encode(x=alt.X(f"{low}:Q"), x2=f"{high}:Q")
    )
    labels = (
        chart.transform_calculate(end=end if most is None else f"min({end}, {most})")
        .mark_text(align="left", dx=7 if start else 4, fontSize=10, color=INK)
        .encode(x=alt.X("end:Q"), text=alt.Text(f"{value}:Q", format=".3~r"))
    )
    marks = [whiskers, bars] if start else [bars, whiskers]
    return alt.layer(*(marks if frame[low].notna().any() else [bars]), labels)


def _measured(frame: pd.DataFrame, **only: str) -> pd.DataFrame:
    """Return the cells that have a latency, of one delegate or precision, as they are drawn."""
    chosen = measured_cells(frame)
    for name, value in only.items():
        chosen = chosen[chosen[name].eq(value)]
    return slim(label_cells(chosen), [*CELL, *LATENCY])
