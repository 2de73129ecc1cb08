"""Notices for readers of the tables: cells that were measured more than once, and mixed conditions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from etbench.results.tables.frames import CONDITIONS
from etbench.text import and_more

__all__ = ["notices"]

SHOWN = 3
CELL = ["model", "precision", "delegate", *CONDITIONS, "variant"]
SHARED = ["machine", "threads", "runner", "libraries"]  # what cells mostly need in common to be compared


def notices(frame: pd.DataFrame, files: Sequence[Path]) -> Iterator[str]:
    """Yield one sentence per repeated cell and per condition that differs.

    Args:
        frame: measured and other cells.
        files: the file of each row.

    """
    measured = frame.assign(file=pd.Series(files, dtype=object, index=frame.index))
    measured = measured[measured["status"].eq("ok")]
    yield from _repeated(measured)
    for name in SHARED:
        yield from _mixed(measured, name)


def _repeated(measured: pd.DataFrame) -> Iterator[str]:
    again = measured[measured.duplicated(CELL, keep=False)]
    cells = [(key, list(group)) for key, group in again.groupby(CELL, dropna=False, sort=False)["file"]]
    for key, files in cells[:SHOWN]:
        names = " ".join(map(str, key[:3]))
        yield f"{names} was measured {len(files)} times, each has its own row: {_some(files)}"
    if (rest := len(cells) - SHOWN) > 0:
        yield f"and {rest} more {'cell was' if rest == 1 else 'cells were'} measured more than once"
    if cells:
        yield "tables with one value per cell use the run interleaved with its baseline, or the median run"


def _mixed(measured: pd.DataFrame, name: str) -> Iterator[str]:
    values = [(value, list(group)) for value, group in measured.groupby(name, dropna=False)["file"]]
    if len(values) > 1:
        each = "; ".join(f"{value}: {_some(files)}" for value, files in values[:SHOWN])
        more = f"; and {len(values) - SHOWN} more" if len(values) > SHOWN else ""
        yield f"{len(values)} different values of {name} are mixed: {each}{more}"


def _some(files: Sequence[Path]) -> str:
    return and_more(map(str, files), SHOWN)
