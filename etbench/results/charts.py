"""Charts of a frame of results, one altair definition each."""

from __future__ import annotations

import altair as alt
import pandas as pd

from etbench.results.tables import METRIC, compare_precisions

__all__ = ["delegate_bars", "precision_bars", "speedup_bars"]

# Okabe & Ito, "Color Universal Design", 2008: told apart with any colour vision.
PALETTE = ["#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00"]
LATENCY_TITLE = "p50 latency (ms)"


def precision_bars(frame: pd.DataFrame, delegate: str = "xnnpack") -> alt.Chart:
    """Draw p50 of each precision beside the others, for each model on one delegate."""
    chosen = frame[frame["delegate"].eq(delegate)]
    return _grouped_bars(chosen, "precision", log=False).properties(title=f"Precisions on {delegate}")


def delegate_bars(frame: pd.DataFrame, precision: str = "fp32") -> alt.Chart:
    """Draw p50 of each delegate beside the others on a log axis, for each model in one precision."""
    chosen = frame[frame["precision"].eq(precision)]
    return _grouped_bars(chosen, "delegate", log=True).properties(title=f"Delegates in {precision}")


def speedup_bars(frame: pd.DataFrame, base: str = "fp32") -> alt.LayerChart:
    """Draw how many times faster each precision is than the base, for each model and delegate."""
    pairs = compare_precisions(frame, base)
    bars = (
        alt.Chart(pairs)
        .mark_bar()
        .encode(
            x=alt.X(
                "model:N", title=None, sort=alt.EncodingSortField("speedup", op="max", order="descending")
            ),
            xOffset=alt.XOffset("delegate:N"),
            y=alt.Y("speedup:Q", title=f"speedup over {base} (x)"),
            color=alt.Color("delegate:N", scale=alt.Scale(range=PALETTE)),
            tooltip=["model", "precision", "delegate", alt.Tooltip("speedup", format=".2f")],
        )
    )
    even = alt.Chart(pd.DataFrame({"y": [1.0]})).mark_rule(strokeDash=[4, 4]).encode(y="y:Q")
    return (bars + even).properties(width=420, height=240, title=f"Speedup of int8 over {base}")


def _grouped_bars(frame: pd.DataFrame, group: str, *, log: bool) -> alt.Chart:
    measured = frame[frame["status"].eq("ok")]
    scale = alt.Scale(type="log") if log else alt.Scale(zero=True)
    encodings = {"y2": alt.datum(float(measured[METRIC].min()) / 2)} if log and len(measured) else {}
    return (
        alt.Chart(measured)
        .mark_bar()
        .encode(
            x=alt.X("model:N", title=None, sort=alt.EncodingSortField(METRIC, op="min")),
            xOffset=alt.XOffset(f"{group}:N"),
            y=alt.Y(f"{METRIC}:Q", title=LATENCY_TITLE, scale=scale),
            color=alt.Color(f"{group}:N", scale=alt.Scale(range=PALETTE)),
            tooltip=["model", "precision", "delegate", alt.Tooltip(METRIC, format=".3g"), "samples"],
            **encodings,
        )
        .properties(width=420, height=240)
    )
