"""The state of a run, read from the event log and the manifest in its folder, whoever started it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import psutil

from etbench.config import Cell, parse
from etbench.errors import ConfigError
from etbench.results.files.store import UnreadableError, read_result
from etbench.results.schema import Result
from etbench.sweep.eta import Estimate
from etbench.sweep.manifest import manifest_path, read_manifest
from etbench.sweep.progress import CellProgress
from etbench.system.event_log import EVENT_LOG, LoggedEvent, read_events
from etbench.terminal.console import summary_line
from etbench.ui.faults import noting_faults

__all__ = ["CONSOLE_LOG", "LOOK_EVERY_S", "Watch", "find_runs"]

CONSOLE_LOG = "console.log"
LOOK_EVERY_S = 1.0  # reading disturbs the measurement
MOST_CELLS = 5_000
READS = 8  # of the log, at most, in one look
RECENT_S = 86_400.0
BEGINS_S = 30.0  # a sweep without an event for this time was killed before its first
FOREIGN_S = 1_800.0  # an export may be silent for this time, and a process on another machine is not visible


class Watch:
    """The state of the run in a folder.

    Args:
        folder: the folder of the results.
        cells: the requested cells, if they are known; by default those of the manifest.

    """

    def __init__(self, folder: Path, cells: Sequence[Cell] = ()) -> None:
        self.folder = folder
        self.rows: dict[str, CellProgress] = {}
        self.files: dict[str, Path] = {}  # results, by cell
        self.notes: dict[str, str] = {}  # its results in short, or why a cell has none
        self.last: LoggedEvent | None = None
        self.alive = False  # the process that wrote last is still running, as far as is known
        self.fault = ""  # why its state cannot be read
        self._offset = 0
        self._looked_at = 0.0
        self._estimate: Estimate | None = None
        self._event_time: float | None = None  # of the current event
        self._processes: set[tuple[str, int]] = set()
        self._cells = list(cells)
        with noting_faults(self._note_fault):
            self._cells = self._cells or _planned(folder)
            self.rows = {cell.cell_id: CellProgress(cell.stem) for cell in self._cells}
            self._estimate_anew()

    def look(self, *, at_once: bool = False) -> None:
        """Read new events: `at_once`, or else at most once per second."""
        if not at_once and time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        with noting_faults(self._note_fault):
            for event in self._new_events():
                self._take(event)
            self.alive = self.last is not None and self._lives(self.last)
            if not self.alive:
                self._find_results()

    def left_s(self) -> float | None:
        """Return how long the rest will take, in seconds, or None if that is not known."""
        return self._estimate.left_s() if self._estimate and not self.complete else None

    @property
    def complete(self) -> bool:
        """Whether every cell has its result."""
        return bool(self.rows) and all(row.over for row in self.rows.values())

    @property
    def resumable(self) -> bool:
        """Whether it is a sweep that ended before all cells were finished."""
        return not self.alive and not self.complete and manifest_path(self.folder).exists()

    def _new_events(self) -> Iterator[LoggedEvent]:
        for _ in range(READS):
            events, offset = read_events(self.folder / EVENT_LOG, self._offset)
            if offset == self._offset:
                return
            self._offset = offset
            yield from events

    def _note_fault(self, reason: str) -> None:
        self.fault = reason

    def _lives(self, event: LoggedEvent) -> bool:
        """Return whether the process of an event still exists, and is not another one with the same id."""
        with contextlib.suppress(psutil.AccessDenied):  # of another user: as if it were on another machine
            if not event.foreign:
                return _is_running(event)
        age_s = _age_s(self.folder)
        return age_s is not None and age_s < FOREIGN_S

    def _estimate_anew(self) -> None:
        """Start a new estimate, as when a sweep is resumed: the time in between does not count."""
        left = [cell for cell in self._cells if not self.rows[cell.cell_id].over]
        self._estimate = Estimate(left, self._now) if left else None

    def _now(self) -> float:
        """Return the time of the current event, or else the current time."""
        return self._event_time if self._event_time is not None else time.time()

    def _take(self, event: LoggedEvent) -> None:
        if event.cell_id not in self.rows and len(self.rows) >= MOST_CELLS:
            return
        row = self.rows.setdefault(event.cell_id, CellProgress(event.cell))
        row.take(event)
        self.last = event
        if (process := (event.host, event.pid)) not in self._processes:
            self._processes.add(process)
            self._estimate_anew()
        if self._estimate:
            self._event_time = event.at.timestamp()
            self._estimate.take(event)
            self._event_time = None
        if event.kind == "cell_finished":
            self._finish(event)

    def _finish(self, event: LoggedEvent) -> None:
        file = self.folder / Path(event.message).name  # a log may name any path; only this folder is read
        try:
            result = read_result(file)
        except UnreadableError:
            self.notes[event.cell_id] = event.message
            return
        self._has(event.cell_id, file, result)

    def _find_results(self) -> None:
        """Find the results of cells whose end was not logged: the process was killed in between."""
        waiting = [(cell_id, row) for cell_id, row in self.rows.items() if not row.over]
        for cell_id, row in waiting:
            for name in (f"{row.name}.json", f"{row.name}-{cell_id}.json"):
                with contextlib.suppress(UnreadableError):
                    result = read_result(file := self.folder / Path(name).name)
                    if result.cell_id == cell_id:
                        row.doing = row.state = result.status
                        self._has(cell_id, file, result)

    def _has(self, cell_id: str, file: Path, result: Result) -> None:
        self.files[cell_id] = file
        self.notes[cell_id] = _note(result)


def find_runs(roots: Sequence[Path]) -> list[Path]:
    """Return the folders of runs that wrote to their event log or manifest within a day, the latest first."""
    found: dict[Path, float] = {}
    for root in roots:
        with contextlib.suppress(RecursionError):  # `os.walk` goes as deep as the folders
            for parent, folders, _ in os.walk(root):
                folder = Path(parent)
                if (age_s := _age_s(folder)) is not None:
                    found[folder] = age_s
                    if folder != root:
                        folders.clear()  # those of its cells
                folders[:] = [name for name in folders if not name.startswith(".")]
    return sorted((folder for folder, age_s in found.items() if age_s < RECENT_S), key=found.__getitem__)


def _is_running(event: LoggedEvent) -> bool:
    """Return whether the process that wrote an event is still running; another one may have its id now."""
    try:
        process = psutil.Process(event.pid)
        over = process.status() == psutil.STATUS_ZOMBIE  # its parent has not collected its status yet
        return not over and process.create_time() <= event.at.timestamp()
    except psutil.NoSuchProcess:
        return False


def _age_s(folder: Path) -> float | None:
    """Return how long ago a run last wrote into this folder; None if none did, or if it only begins."""
    with contextlib.suppress(OSError):
        return time.time() - (folder / EVENT_LOG).stat().st_mtime
    with contextlib.suppress(OSError):
        age_s = time.time() - manifest_path(folder).stat().st_mtime
        return age_s if age_s > BEGINS_S else None
    return None


def _note(result: Result) -> str:
    if result.failure is not None:
        return f"at stage {result.failure.stage}: {result.failure.message}"
    return result.reason or summary_line(result)


def _planned(folder: Path) -> list[Cell]:
    """Return the cells of a sweep's manifest; none without a manifest, or if it is of another version.

    The folder of its cache is left out: the manifest may be somebody else's, and the page reads its own.
    """
    if not manifest_path(folder).is_file():
        return []
    try:
        cells = read_manifest(folder).cells
        return [parse(planned.config | {"cache": {}}) for planned in cells[:MOST_CELLS]]
    except ConfigError:
        return []
