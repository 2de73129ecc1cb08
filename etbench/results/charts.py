"""Charts of a frame of results, one altair definition each."""

from __future__ import annotations

import math
from typing import Literal

import altair as alt
import pandas as pd

from etbench.results.metrics import RAW
from etbench.results.tables import BASE_PRECISION, METRIC, compare_precisions

__all__ = ["delegate_bars", "precision_bars", "speedup_bars"]

# Okabe & Ito, "Color Universal Design", 2008: told apart with any colour vision.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
LATENCY_TITLE = "p50 latency (ms)"
WIDTH, BAR = 460, 17


def precision_bars(frame: pd.DataFrame, delegate: str = "xnnpack") -> alt.LayerChart:
    """Draw p50 of each precision beside the others, for each model on one delegate."""
    chosen = _measured(frame[frame["delegate"].eq(delegate)])
    bars = _bars(chosen, METRIC, "precision", alt.X(f"{METRIC}:Q", title=LATENCY_TITLE))
    return bars.properties(title=f"Precisions on {delegate}", width=WIDTH, height=alt.Step(BAR))


def delegate_bars(frame: pd.DataFrame, precision: str = "fp32") -> alt.LayerChart:
    """Draw p50 of each delegate beside the others on a log axis, for each model in one precision."""
    chosen = _measured(frame[frame["precision"].eq(precision)])
    decades = _decades(chosen[METRIC])
    axis = alt.X(
        f"{METRIC}:Q",
        title=f"{LATENCY_TITLE}, log scale",
        scale=alt.Scale(type="log", domain=[decades[0], decades[-1]]),
        axis=alt.Axis(values=decades, format="~g"),
    )
    bars = _bars(chosen, METRIC, "delegate", axis, start=decades[0])
    return bars.properties(title=f"Delegates in {precision}", width=WIDTH, height=alt.Step(BAR))


def speedup_bars(frame: pd.DataFrame, base: str = BASE_PRECISION) -> alt.FacetChart:
    """Draw how many times faster each precision is than the base, for each model and delegate."""
    pairs = compare_precisions(frame, base)
    axis = alt.X("speedup:Q", title=f"speedup over {base} (x); right of the line is faster")
    even = alt.Chart(pairs).mark_rule(strokeDash=[4, 3], color="gray").encode(x=alt.datum(1.0))
    layers = even + _bars(pairs, "speedup", "delegate", axis, best_first="max")
    header = alt.Header(title=None, labelFontSize=12)
    return (
        layers.properties(width=WIDTH, height=alt.Step(BAR), data=pairs)
        .facet(row=alt.Row("precision:N", header=header))
        .properties(title=alt.Title(f"Speedup over {base}", anchor="middle"))
    )


def _bars(
    frame: pd.DataFrame,
    value: str,
    group: str,
    axis: alt.X,
    *,
    start: float = 0.0,
    best_first: Literal["min", "max"] = "min",
) -> alt.LayerChart:
    """Draw horizontal bars of a value, labelled with it, grouped within each model."""
    order = {"min": "ascending", "max": "descending"}[best_first]
    chart = alt.Chart(frame).encode(
        x=axis,
        y=alt.Y("model:N", title=None, sort=alt.EncodingSortField(value, op=best_first, order=order)),
        yOffset=alt.YOffset(f"{group}:N"),
        tooltip=["model:N", "precision:N", "delegate:N", alt.Tooltip(f"{value}:Q", format=".3g")],
    )
    color = alt.Color(f"{group}:N", scale=alt.Scale(range=PALETTE))
    bars = chart.mark_bar().encode(x2=alt.datum(start), color=color)
    labels = chart.mark_text(align="left", dx=3, fontSize=10).encode(
        text=alt.Text(f"{value}:Q", format=".3~r")
    )
    return bars + labels


def _measured(frame: pd.DataFrame) -> pd.DataFrame:
    return frame[frame["status"].eq("ok") & frame[METRIC].notna()].drop(columns=RAW, errors="ignore")


def _decades(values: pd.Series) -> list[float]:
    """Return the powers of ten that enclose the values."""
    if values.empty:
        return [1.0, 10.0]
    low = math.floor(math.log10(values.min()))
    high = max(low + 1, math.ceil(math.log10(values.max())))
    return [10.0**power for power in range(low, high + 1)]
