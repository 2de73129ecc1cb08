"""Charts as pictures, drawn in a process of its own: a chart that cannot be drawn costs no other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from etbench.drawing import Drawer, Picture
from etbench.errors import EtbenchError
from etbench.results.charts.style import AnyChart
from etbench.system.files import replace_file

__all__ = ["write_pictures"]


def write_pictures(
    charts: Mapping[str, AnyChart], folder: Path, forms: Sequence[Picture]
) -> tuple[list[Path], list[EtbenchError]]:
    """Write each chart as ``{name}.{form}``; an older file is replaced.

    Returns:
        The files that were written, and an error for each picture that could not be drawn.

    """
    written, faults = [], []
    with Drawer() as drawer:
        for name, chart in charts.items():
            for form in forms:
                try:
                    body = drawer.draw(chart.to_dict(), form, name=name)
                except EtbenchError as error:
                    faults.append(error)
                    continue
                replace_file(path := folder / f"{name}.{form}", body)
                written.append(path)
    return written, faults
