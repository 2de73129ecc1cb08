"""A run as its folder tells of it: the event log and the manifest, whoever started it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import psutil

from etbench.config import Cell, parse
from etbench.errors import ConfigError
from etbench.event_log import EVENT_LOG, LoggedEvent, read_events
from etbench.results.store import UnreadableError, read_result
from etbench.sweep.eta import Estimate
from etbench.sweep.manifest import read_manifest
from etbench.sweep.progress import CellProgress

__all__ = ["CONSOLE_LOG", "LOOK_EVERY_S", "Watch", "find_runs"]

CONSOLE_LOG = "console.log"
LOOK_EVERY_S = 1.0  # reading takes time from what is measured
RECENT_S = 86_400.0


class Watch:
    """What is known of the run in a folder.

    Args:
        folder: of the results.
        cells: that were asked for, if they are known; else they are taken from the manifest.

    """

    def __init__(self, folder: Path, cells: Sequence[Cell] = ()) -> None:
        self.folder = folder
        self.rows: dict[str, CellProgress] = {}
        self.files: dict[str, Path] = {}  # results, by cell
        self.reasons: dict[str, str] = {}  # why a cell has no figures
        self.last: LoggedEvent | None = None
        self._offset = 0
        self._looked_at = 0.0
        self._estimate: Estimate | None = None
        self._event_time: float | None = None  # of the event that is being taken in
        self._plan(cells or _planned(folder))

    def look(self) -> None:
        """Take in what is new, at most once a second however many ask."""
        if time.monotonic() - self._looked_at < LOOK_EVERY_S:
            return
        self._looked_at = time.monotonic()
        events, self._offset = read_events(self.folder / EVENT_LOG, self._offset)
        for event in events:
            self._take(event)

    def left_s(self) -> float | None:
        """Return how long the rest will take, in seconds, or None where that is not known."""
        return self._estimate.left_s() if self._estimate and not self.complete else None

    @property
    def complete(self) -> bool:
        """Whether every cell has its result."""
        return bool(self.rows) and all(row.over for row in self.rows.values())

    @property
    def alive(self) -> bool:
        """Whether the process that wrote last is still there, and is not another with its number."""
        if self.last is None:
            return False
        try:
            return psutil.Process(self.last.pid).create_time() <= self.last.at.timestamp()
        except psutil.NoSuchProcess:
            return False

    def _plan(self, cells: Sequence[Cell]) -> None:
        self.rows = {cell.cell_id: CellProgress(cell.stem) for cell in cells}
        if cells:
            self._estimate = Estimate(cells, self._now)

    def _now(self) -> float:
        """Return the time of the event that is being taken in, or else of now."""
        return self._event_time if self._event_time is not None else time.time()

    def _take(self, event: LoggedEvent) -> None:
        row = self.rows.setdefault(event.cell_id, CellProgress(event.cell))
        row.take(event)
        self.last = event
        if self._estimate:
            self._event_time = event.at.timestamp()
            self._estimate.take(event)
            self._event_time = None
        if event.kind == "cell_finished":
            self._finish(event)

    def _finish(self, event: LoggedEvent) -> None:
        file = self.folder / Path(event.message).name  # a log may name any path; only this folder counts
        try:
            result = read_result(file)
        except UnreadableError:
            self.reasons[event.cell_id] = event.message
            return
        self.files[event.cell_id] = file
        if result.failure is not None:
            failure = result.failure
            self.reasons[event.cell_id] = f"at stage {failure.stage}: {failure.message}"
        elif result.reason:
            self.reasons[event.cell_id] = result.reason


def find_runs(roots: Sequence[Path]) -> list[Path]:
    """Return the folders with an event log that was written to within a day, the latest first."""
    found = []
    for root in roots:
        for log in root.glob(f"**/{EVENT_LOG}"):
            age_s = time.time() - log.stat().st_mtime
            if age_s < RECENT_S:
                found.append((age_s, log.parent))
    return [folder for _, folder in sorted(found)]


def _planned(folder: Path) -> list[Cell]:
    """Return the cells of a sweep's manifest; none where there is none, or one of another version."""
    try:
        return [parse(planned.config) for planned in read_manifest(folder).cells]
    except ConfigError:
        return []
