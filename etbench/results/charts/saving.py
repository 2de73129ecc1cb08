"""Charts as image files."""

from __future__ import annotations

import io
from pathlib import Path

from etbench.results.charts.style import AnyChart
from etbench.system.files import replace_file

__all__ = ["PPI", "image_of", "save_chart"]

PPI = 144


def save_chart(chart: AnyChart, path: Path) -> Path:
    """Write a chart in the format that the name ends with, replacing an older file; return the path."""
    replace_file(path, image_of(chart, path.suffix.removeprefix(".")))
    return path


def image_of(chart: AnyChart, form: str) -> bytes:
    """Return a chart as a PNG, SVG or PDF file."""
    file = io.StringIO() if form == "svg" else io.BytesIO()
    chart.save(file, format=form, **({"ppi": PPI} if form == "png" else {}))
    body = file.getvalue()
    return body.encode() if isinstance(body, str) else body
