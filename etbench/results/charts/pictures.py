"""Charts as pictures, drawn in a process of its own: a chart that cannot be drawn costs no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from etbench.drawing import Drawer, Picture
from etbench.errors import EtbenchError
from etbench.results.charts.style import AnyChart
from etbench.system.files import replace_file

__all__ = ["where_and_when", "write_pictures"]


# What lines and whiskers are, by the name of the chart.
LINES = {
    **dict.fromkeys(
        ("precision_bars", "delegate_bars"),
        "lines: 95 % interval of the median, from 5 rounds on",
    ),
    "speedup_bars": "lines: 95 % interval of the ratio, for interleaved cells",
    "round_boxes": "boxes: quartiles of the samples of a round; lines: all of them",
    "history": "lines: 95 % interval of the median of a run; hollow: a run that weighs less than half",
}


def write_pictures(
    charts: Mapping[str, AnyChart], folder: Path, forms: Sequence[Picture], *, measured: str = ""
) -> tuple[list[Path], list[EtbenchError]]:
    """Write each chart as ``{name}.{form}``; an older file is replaced.

    Args:
        charts: the charts by their names.
        folder: where the files are written.
        forms: the formats.
        measured: where and when, see `where_and_when`; it is written below each title.

    Returns:
        The files that were written, and an error for each picture that could not be drawn.

    """
    written, faults = [], []
    with Drawer() as drawer:
        for name, chart in charts.items():
            spec = _with_caption(chart.to_dict(), list(filter(None, (measured, LINES.get(name)))))
            for form in forms:
                try:
                    body = drawer.draw(spec, form, name=name)
                except EtbenchError as error:
                    faults.append(error)
                    continue
                replace_file(path := folder / f"{name}.{form}", body)
                written.append(path)
    return written, faults


def where_and_when(frame: pd.DataFrame) -> str:
    """Return on which machine and on which days (in UTC) the cells of a frame were measured."""
    machines = frame["machine"].dropna().unique()
    days = sorted(frame["created_at"].dropna().str.slice(0, 10))
    where = machines[0] if len(machines) == 1 else f"{len(machines)} machines"
    if not len(machines) or not days:
        return ""
    return f"{where}, {' to '.join(dict.fromkeys([days[0], days[-1]]))} (UTC)"


def _with_caption(spec: dict[str, Any], lines: Sequence[str]) -> dict[str, Any]:
    """Return a specification with lines below its title."""
    title = spec.get("title")
    if not lines or title is None:
        return spec
    whole = {"text": title} if isinstance(title, str) else title
    return {**spec, "title": {**whole, "subtitle": list(lines), "subtitlePadding": 4}}
