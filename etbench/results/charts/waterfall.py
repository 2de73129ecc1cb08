"""The waterfall of a difference: from the latency of one cell, part by part, to that of another."""

from __future__ import annotations

import altair as alt
import pandas as pd

from etbench.results.charts.style import BAR, INK, PALETTE, WIDTH, AnyChart, inline, slim
from etbench.results.diff.difference import Difference
from etbench.text import counted

__all__ = ["waterfall"]

SHADES = {
    "latency": PALETTE[0],
    "a cause": PALETTE[5],
    "not named as a cause": PALETTE[4],
    "unexplained": "#999999",
}
STEPS = 8  # parts that are drawn; the others are one


def waterfall(found: Difference) -> AnyChart:
    """Draw the parts of a difference as steps between the two latencies, with their intervals."""
    frame = _steps(found)
    order = frame["part"].tolist()
    rows = alt.Y("part:N", title=None, sort=order, axis=alt.Axis(labelLimit=260))
    chart = alt.Chart(inline(slim(frame, list(frame.columns))))
    bars = chart.mark_bar().encode(
        x=alt.X("begin:Q", title="latency (ms)"),
        x2="end:Q",
        y=rows,
        color=alt.Color(
            "shade:N",
            scale=alt.Scale(domain=list(SHADES), range=list(SHADES.values())),
            legend=alt.Legend(orient="top", title=None),
        ),
        tooltip=["part:N", alt.Tooltip("change:Q", format="+.3g")],
    )
    lines = (
        chart.transform_filter("isValid(datum.low)")
        .mark_rule(color=INK)
        .encode(x="low:Q", x2="high:Q", y=rows)
    )
    labels = chart.mark_text(align="left", dx=4, fontSize=10, color=INK).encode(
        x="right:Q", y=rows, text=alt.Text("label:N")
    )
    title = alt.Title(f"{found.a} → {found.b}", subtitle=_subtitle(found))
    return (bars + lines + labels).properties(title=title, width=WIDTH, height=alt.Step(BAR + 5))


def _subtitle(found: Difference) -> str:
    if not found.interleaved:
        return "not measured interleaved: no cause is named"
    return f"{found.blocks} interleaved blocks; lines are intervals of 95 % for all parts together"


def _steps(found: Difference) -> pd.DataFrame:
    """Return a row for each step: where it begins and ends, and the ends of its interval there."""
    latency = found.latency
    rows = [_row("A", 0.0, latency.a_ms, "latency", f"{latency.a_ms:.4g} ms")]
    at = latency.a_ms
    shown = found.parts[:STEPS]
    for part in [*shown, found.unexplained]:
        change = part.change
        end = at + change.change_ms
        shade = "a cause" if part.cause else "not named as a cause"
        bounds = (change.low_ms, change.high_ms)
        low, high = (None if bound is None else at + bound for bound in bounds)
        label = f"{change.change_ms:+.3g}"
        rows.append(
            _row(part.kind, at, end, "unexplained" if part is found.unexplained else shade, label, low, high)
        )
        at = end
        if shown and part is shown[-1] and (rest := found.parts[STEPS:]):
            total = sum(one.change.change_ms for one in rest)
            name = counted(len(rest), "other part")
            rows.append(_row(name, at, at + total, "not named as a cause", f"{total:+.3g}"))
            at += total
    rows.append(_row("B", 0.0, latency.b_ms, "latency", f"{latency.b_ms:.4g} ms"))
    return pd.DataFrame(rows).astype({"low": "float64", "high": "float64"})


def _row(
    part: str,
    begin: float,
    end: float,
    shade: str,
    label: str,
    low: float | None = None,
    high: float | None = None,
) -> dict[str, object]:
    return {
        "part": part,
        "begin": begin,
        "end": end,
        "change": end - begin,
        "low": low,
        "high": high,
        "right": max(begin, end, high or end),
        "shade": shade,
        "label": label,
    }
