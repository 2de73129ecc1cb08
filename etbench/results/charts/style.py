"""Shared by all charts: colours, sizes, axes, and data reduced to what is drawn."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from typing import Any, TypeAlias

import altair as alt
import pandas as pd

__all__ = [
    "BAR",
    "INK",
    "LATENCY_TITLE",
    "PALETTE",
    "WARNING",
    "WIDTH",
    "AnyChart",
    "color",
    "inline",
    "is_blank",
    "latency_axis",
    "log_ticks",
    "nothing",
    "one_cell",
    "slim",
]

AnyChart: TypeAlias = alt.Chart | alt.LayerChart | alt.FacetChart

# Okabe & Ito, "Color Universal Design", 2008: distinguishable with any colour vision.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
WARNING = "#D55E00"
INK = "currentColor"  # the text colour of the page around a chart; black in a picture
LATENCY_TITLE = "p50 latency (ms)"
WIDTH, BAR = 460, 17
BLANK = "blank"
LOG_ABOVE = 30  # a linear axis hides what is this many times smaller than the largest


def latency_axis(value: str, values: pd.Series, *, log: bool = False) -> tuple[alt.X, float]:
    """Return an axis from zero, or one of whole decades if requested or needed, and where its bars begin."""
    if not log and (values.empty or values.max() < LOG_ABOVE * values.min()):
        return alt.X(f"{value}:Q", title=LATENCY_TITLE), 0.0
    powers = decades(values)
    axis = alt.X(
        f"{value}:Q",
        title=f"{LATENCY_TITLE}, log scale",
        scale=alt.Scale(type="log", domain=[powers[0], powers[-1]]),
        axis=alt.Axis(values=powers, format="~g"),
    )
    return axis, powers[0]


def decades(values: pd.Series) -> list[float]:
    """Return the powers of ten that enclose the values."""
    if values.empty:
        return [1.0, 10.0]
    low = math.floor(math.log10(values.min()))
    high = max(low + 1, math.ceil(math.log10(values.max())))
    return [10.0**power for power in range(low, high + 1)]


def log_ticks(values: pd.Series) -> list[float]:
    """Return the powers of ten around the values, and 2 and 5 times them if there are few."""
    powers = decades(values)
    return [power * step for power in powers for step in ((1, 2, 5) if len(powers) <= 3 else (1,))]


def nothing(why: str) -> alt.Chart:
    """Return a blank chart with the reason why there is nothing to draw."""
    mark = alt.Chart(pd.DataFrame({"why": [why]})).mark_text(color=INK, fontSize=12)
    return mark.encode(text="why:N").properties(name=BLANK, width=WIDTH, height=3 * BAR)


def one_cell(chart: alt.Chart, names: Sequence[str], what: str) -> tuple[alt.Chart, alt.Title]:
    """Show the first of these cells and name it, with a menu of all if the chart is interactive.

    Args:
        chart: a chart of data with a column `cell`.
        names: its cells.
        what: what the chart shows of the cell, for the title.

    """
    if len(names) == 1:
        return chart, alt.Title(f"{what}: {names[0]}")
    menu = alt.binding_select(options=list(names), name="cell ")
    chosen = alt.param(name="chosen_cell", value=names[0], bind=menu)
    title = alt.Title(alt.ExprRef(f"'{what}: ' + chosen_cell"))
    return chart.add_params(chosen).transform_filter("datum.cell === chosen_cell"), title


def is_blank(chart: AnyChart) -> bool:
    """Whether a chart has nothing to show."""
    return bool(getattr(chart, "name", None) == BLANK)


def color(field: str, **more: object) -> alt.Color:
    """Return the colours of a group, with its legend above, so that it takes no width."""
    legend = alt.Legend(orient="top", title=None)
    return alt.Color(f"{field}:N", scale=alt.Scale(range=PALETTE), legend=legend, **more)


def inline(frame: pd.DataFrame) -> dict[str, Any]:
    """Return the rows as a chart's data, however many; altair refuses a frame of more than 5,000.

    They are a plain dictionary: altair would check each value of an `InlineData` against its schema, which
    takes longer than all the rest of a report.
    """
    return {"values": json.loads(frame.to_json(orient="records"))}


def slim(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """Return what a chart needs and no more, with five digits: its data are part of every page it is on."""
    chosen = frame[list(columns)].reset_index(drop=True)
    figures = chosen.select_dtypes("float").columns
    return chosen.assign(**{name: chosen[name].map(_five_digits) for name in figures})


def _five_digits(value: float) -> float:
    return float(f"{value:.5g}")
