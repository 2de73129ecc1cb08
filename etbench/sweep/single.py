"""One cell of a sweep, for launchers that run cell by cell, in any order and on any machine."""

from __future__ import annotations

import sys
from pathlib import Path

from filelock import FileLock

from etbench.config import Cell
from etbench.engine.run import run
from etbench.events import OnEvent
from etbench.results.schema import Result
from etbench.sweep.manifest import HIDDEN, finished_cells, read_manifest

__all__ = ["run_in_sweep"]


def run_in_sweep(cell: Cell, folder: Path, log_dir: str | Path, on_event: OnEvent) -> Result:
    """Run a cell, or return its result if the resumed sweep has it.

    Other cells of the same sweep may run at the same time. The callback writes the manifest, and each cell
    is added to it, since such a launcher does not provide the whole grid.

    Args:
        cell: the one to run.
        folder: the folder of the sweep's results.
        log_dir: the folder of the cell's log.
        on_event: is called with each event as it happens.

    """
    done = _enrolled(cell, folder)
    return done or run(cell, out_dir=folder, log_dir=log_dir, on_event=on_event).result


def _enrolled(cell: Cell, folder: Path) -> Result | None:
    """Add the cell to the manifest; return its result if a valid one exists."""
    with FileLock(folder / HIDDEN / "manifest.lock"):
        manifest = read_manifest(folder)
        if all(planned.cell_id != cell.cell_id for planned in manifest.cells):
            manifest.extended([cell]).write(folder)
        if cell.sweep.resume is None:
            return None
        done, words = finished_cells(folder, retry=cell.sweep.retry, retried=[cell.cell_id])
    for text in words:
        sys.stderr.write(f"{text}\n")
    return done.get(cell.cell_id)
