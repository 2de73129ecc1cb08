"""A whole sweep: plan it, skip finished cells, run the rest, and print how to resume if interrupted."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

import etbench.engine.phases  # noqa: F401  before the sweep begins: an interrupt can get lost in an import
from etbench.config import Cell
from etbench.engine.run import run_cells
from etbench.results.schema import Result
from etbench.sweep.manifest import Manifest, alone_in, finished_cells, read_manifest
from etbench.sweep.resume_hint import resume_hint
from etbench.sweep.view import sweep_view

__all__ = ["run_sweep"]


def run_sweep(
    planned: Sequence[tuple[Cell, Path]], folder: Path, *, more: bool = False
) -> list[Result | None]:
    """Run the cells of a grid and write their results into one folder.

    Args:
        planned: the cells, each with the folder of its log.
        folder: the folder of the results.
        more: add the cells to those already planned in that folder.

    Returns:
        The result of each cell; None for those that `sweep.fail_fast` left out.

    Raises:
        ConfigError: if a file is missing, another sweep runs in the folder, or it is not the same sweep.

    """
    cells = [cell for cell, _ in planned]
    with alone_in(folder):
        manifest, done = _plan(cells, folder, more)
        todo = {cell.cell_id: (cell, log) for cell, log in planned if cell.cell_id not in done}
        with (
            resume_hint(folder, "the sweep ended before all cells were finished"),
            sweep_view([cell for cell, _ in todo.values()], len(done)) as on_event,
        ):
            (manifest.begun() if todo else manifest).write(folder)
            outcomes = run_cells(
                [cell for cell, _ in todo.values()],
                out_dir=folder,
                log_dirs=[log for _, log in todo.values()],
                on_event=on_event,
            )
        done |= {outcome.result.cell_id: outcome.result for outcome in outcomes if outcome}
        if all(cell.cell_id in done for cell in cells):
            manifest.finished().write(folder)
    return [done.get(cell.cell_id) for cell in cells]


def _plan(cells: Sequence[Cell], folder: Path, more: bool) -> tuple[Manifest, dict[str, Result]]:
    """Return the manifest, and the results that already exist."""
    settings = cells[0].sweep
    if settings.resume is None:
        return (read_manifest(folder).extended(cells) if more else Manifest.of(cells)), {}
    manifest = read_manifest(folder).resumed(cells)
    done, words = finished_cells(folder, retry=settings.retry)
    for text in words:
        sys.stderr.write(f"{text}\n")
    return manifest, done
