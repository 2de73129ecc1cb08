"""Runs in the results folders that this server did not start: in a terminal, or by a server before it."""

from __future__ import annotations

import threading
import time
from collections.abc import Collection, Sequence
from pathlib import Path

from etbench.ui.watch import Watch, find_runs

__all__ = ["FIND_EVERY_S", "ExternalRuns"]

FIND_EVERY_S = 5.0
SHOWN = 10


class ExternalRuns:
    """The latest runs of the folders, each read once however many pages show it.

    Args:
        roots: the folders with results.

    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self.watches: dict[Path, Watch] = {}  # the most recently written one first
        self._looked_at = -FIND_EVERY_S
        self._lock = threading.Lock()

    def look(self, own: Collection[Path | None] = ()) -> None:
        """Find new runs, at most every few seconds.

        Args:
            own: folders of runs that this server started.

        """
        with self._lock:
            if time.monotonic() - self._looked_at < FIND_EVERY_S:
                return
            self._looked_at = time.monotonic()
            folders = [folder for folder in find_runs(self.roots) if folder not in own][:SHOWN]
            self.watches = {folder: self.watches.get(folder) or _watched(folder) for folder in folders}


def _watched(folder: Path) -> Watch:
    watch = Watch(folder)
    watch.look()
    return watch
