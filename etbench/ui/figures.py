"""Charts for the page, drawn by a child of the server: the browser needs no script and no network."""

from __future__ import annotations

from typing import Any

import pandas as pd

from etbench.drawing import Picture, shared_drawer
from etbench.results import charts
from etbench.results.charts import AnyChart
from etbench.results.charts.style import INK

__all__ = ["CHARTS", "FORMATS", "as_file", "draw", "inline_svg"]

FORMATS: tuple[Picture, ...] = ("png", "svg", "pdf")
CHARTS = {
    "precision_bars": "Precisions",
    "delegate_bars": "Delegates",
    "speedup_bars": "Speedup",
    "pareto": "Latency against accuracy",
}
_INKED: dict[str, Any] = {
    "background": None,
    "axis": {"labelColor": INK, "titleColor": INK, "tickColor": INK, "gridOpacity": 0.3},
    "header": {"labelColor": INK, "titleColor": INK},
    "legend": {
        **{"labelColor": INK, "titleColor": INK},
        **{"symbolBaseFillColor": INK, "symbolBaseStrokeColor": INK},
    },
    "title": {"color": INK, "subtitleColor": INK},
    "view": {"stroke": None},
}


def draw(name: str, frame: pd.DataFrame, *, delegate: str, precision: str) -> AnyChart:
    """Draw one of `CHARTS`.

    Args:
        name: the name of the chart.
        frame: from `etbench.results.to_frame`.
        delegate: the delegate on which the precisions are compared.
        precision: the precision in which the delegates are compared.

    """
    if name == "precision_bars":
        return charts.precision_bars(frame, delegate)
    if name == "delegate_bars":
        return charts.delegate_bars(frame, precision)
    return {"speedup_bars": charts.speedup_bars, "pareto": charts.pareto}[name](frame)


def inline_svg(chart: AnyChart, name: str) -> str:
    """Return a chart as SVG in the colours of the page around it, dark or light.

    Raises:
        EtbenchError: if it cannot be drawn; the message has its name.

    """
    spec = chart.to_dict()
    spec["config"] = {**spec.get("config", {}), **_INKED}
    svg = shared_drawer().draw(spec, "svg", name=name).decode()
    return svg.replace("<svg ", '<svg aria-hidden="true" ', 1)  # the page has a description of what it shows


def as_file(chart: AnyChart, form: Picture, name: str) -> bytes:
    """Return a chart as a PNG, SVG or PDF file.

    Raises:
        EtbenchError: if it cannot be drawn; the message has its name.

    """
    return shared_drawer().draw(chart.to_dict(), form, name=name)
