"""A chart of the latency of cells over many sweeps."""

from __future__ import annotations

from collections.abc import Sequence

import altair as alt

from etbench.results.charts.style import PALETTE, WARNING, inline
from etbench.results.history import CellHistory, history_table

__all__ = ["history_lines"]

RUN, CHANGE = PALETTE[0], WARNING
WIDTH, HEIGHT = 560, 160
MOST = 30  # cells; a picture of more is too tall to read
TITLE = "median of round medians (ms)"


def history_lines(histories: Sequence[CellHistory]) -> alt.FacetChart:
    """Draw each run of each cell with its 95 % interval, the level between changes, and the changes.

    Points of runs that weigh less than half are hollow. The number at a change is the level after it divided
    by the level before. Cells with changes are drawn first, and at most `MOST` cells.
    """
    histories = sorted(histories, key=lambda history: not history.changes)[:MOST]
    table = history_table(histories)
    table["cell"] = [history.name for history in histories for _ in history.runs]
    time = alt.X("created_at:T", title="date and time (UTC)", scale=alt.Scale(type="utc"))
    runs = alt.Chart(inline(table)).encode(x=time)
    intervals = runs.mark_rule(color=RUN, opacity=0.5).encode(
        y=alt.Y("low_ms:Q", title=TITLE, scale=alt.Scale(zero=False)), y2="high_ms:Q"
    )
    points = runs.mark_point(color=RUN, size=36).encode(
        y=alt.Y("location_ms:Q", title=TITLE),
        fill=alt.condition("datum.weight >= 0.5", alt.value(RUN), alt.value("transparent")),
        tooltip=[
            *("cell:N", "created_at:T", "commit:N", "unstable:N"),
            *(
                alt.Tooltip(f"{name}:Q", format=".4~r")
                for name in ("location_ms", "low_ms", "high_ms", "weight")
            ),
        ],
    )
    level = runs.mark_line(color=CHANGE, interpolate="step-after", opacity=0.8).encode(y="level_ms:Q")
    changes = runs.transform_filter("isValid(datum.change)")
    rules = changes.mark_rule(color=CHANGE, strokeDash=[4, 3]).encode(tooltip=["what:N"])
    ratios = changes.mark_text(color=CHANGE, align="left", baseline="top", dx=4).encode(
        y=alt.value(0), text=alt.Text("change:Q", format=".3r"), tooltip=["what:N"]
    )
    return (
        alt.layer(intervals, level, points, rules, ratios)
        .properties(width=WIDTH, height=HEIGHT)
        .facet(
            row=alt.Row(
                "cell:N",
                sort=[*dict.fromkeys(table["cell"])],
                header=alt.Header(title=None, labelFontSize=12, labelOrient="top", labelAnchor="start"),
            )
        )
        .resolve_scale(y="independent")
        .properties(title=alt.Title("Latency over time", anchor="middle"))
    )
