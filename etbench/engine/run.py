"""Run cells from recipes to results: build missing programs, measure them interleaved, write each result."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.config import Cell
from etbench.errors import ConfigError
from etbench.events import Event, OnEvent
from etbench.preflight.checks import faults_here
from etbench.system.event_log import EventLog
from etbench.system.interrupt import raise_if_interrupted

if TYPE_CHECKING:
    from etbench.builder import Cache
    from etbench.engine.cell_run import Outcome

__all__ = ["run", "run_cells"]


def run(
    cell: Cell,
    *,
    out_dir: str | Path = "outputs",
    log_dir: str | Path | None = None,
    on_event: OnEvent | None = None,
) -> Outcome:
    """Build, check and time one cell, and write its result.

    A failure of the cell is not raised; its result then has the status ``failed``.

    Args:
        cell: from `etbench.compose` or `etbench.config.parse`.
        out_dir: folder of the result file, which is named ``{model}_{precision}_{delegate}.json``.
        log_dir: folder of ``etbench.log``, with all output of the libraries; `out_dir` if not given.
        on_event: is called with each `etbench.events.Event` as it happens.

    Raises:
        ConfigError: before any work, if a file that the cell names does not exist.

    """
    (outcome,) = run_cells([cell], out_dir=out_dir, log_dirs=[log_dir or out_dir], on_event=on_event)
    assert outcome is not None  # only sweep.fail_fast leaves out a cell, and never the first that fails
    return outcome


def run_cells(
    cells: Sequence[Cell],
    *,
    out_dir: str | Path = "outputs",
    log_dirs: Sequence[str | Path] | None = None,
    on_event: OnEvent | None = None,
) -> list[Outcome | None]:
    """Build the programs of all cells, then measure them interleaved, block by block.

    Each result is written as soon as it is complete. The settings of cache, build and sweep are those of
    the first cell.

    Args:
        cells: the points of a grid, or any other cells.
        out_dir: folder of the result files and of the event log.
        log_dirs: one folder for the log of each cell; ``out_dir/cells/<number>`` if not given.
        on_event: is called with each `etbench.events.Event` as it happens, never from two threads at once.

    Returns:
        The outcome of each cell, in their order; None for those that `sweep.fail_fast` left out.

    Raises:
        ConfigError: before any work, if a file that a cell names does not exist, or would not be used.

    """
    # Imported here, since every command imports this module and few need them: 0.1 s.
    from etbench.engine.cell_run import CellRun
    from etbench.engine.phases import FailFastError, Phases
    from etbench.system.workspace import workspace

    if not cells:
        return []
    if faults := list(dict.fromkeys(fault for cell in cells for fault in faults_here(cell))):
        raise ConfigError(faults)
    out = Path(out_dir)
    folders = log_dirs or [out / "cells" / str(number) for number in range(len(cells))]
    first = cells[0]
    heard = _heard(out, first.event_log, on_event)
    runs = [CellRun(cell, out, Path(folder), heard) for cell, folder in zip(cells, folders, strict=True)]
    cache = _cache(first)
    root = cache.work if cache and cache.writable() else None
    raise_if_interrupted()  # an interrupt during an import can be lost
    with workspace(root) as scratch, contextlib.suppress(FailFastError):
        Phases(first, cache, scratch).do(runs)
    return [run.outcome for run in runs]


def _heard(out: Path, event_log: str | None, on_event: OnEvent | None) -> OnEvent:
    """Pass each event to the event log and to the caller; an interrupt ends the run after an event."""
    log = None if event_log is None else EventLog(out / event_log)

    def heard(event: Event) -> None:
        if log:
            log(event)
        if on_event:
            on_event(event)
        raise_if_interrupted()

    return heard


def _cache(cell: Cell) -> Cache | None:
    from etbench.builder.cache import Cache, RemoteCache, cache_folder

    settings = cell.cache
    if not settings.enabled:
        return None
    remote = None
    if settings.remote is not None:
        remote = RemoteCache(settings.remote, settings.remote_options, settings.remote_timeout_s)
    return Cache(cache_folder(settings.dir), int(settings.max_gb * 1e9), remote, shared=settings.shared)
