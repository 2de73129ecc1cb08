"""Estimate when a sweep will finish, from recorded build times and the rounds measured so far."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from etbench.builder.cache import cache_folder
from etbench.builder.pool import UNKNOWN_S, default_builders
from etbench.builder.times import BuildTimes
from etbench.config import Cell
from etbench.events import Event

__all__ = ["Estimate"]


class Estimate:
    """The remaining work of a sweep, updated by its events.

    Args:
        cells: those of the sweep.
        now: returns the time in seconds, for events that are read after they happened.

    """

    def __init__(self, cells: Sequence[Cell], now: Callable[[], float] = monotonic) -> None:
        self._now = now
        times = BuildTimes(cache_folder(cells[0].cache.dir if cells else None))
        self._build_s = {cell.cell_id: times.expected(cell.stem) or UNKNOWN_S for cell in cells}
        self._measure_s = {cell.cell_id: cell.repeat.rounds_s for cell in cells}
        self.builders = (cells[0].sweep.builders if cells else None) or default_builders()
        self._at_work: dict[str, float] = {}
        self._timing_since: float | None = None
        self._rounds = 0

    @property
    def building(self) -> int:
        """How many builds are running."""
        return len(self._at_work)

    def take(self, event: Event) -> None:
        """Update the estimate with an event."""
        measuring = event.stage in ("parity", "time", "result")
        if event.kind == "stage_started" and event.cell_id in self._build_s and not measuring:
            self._at_work.setdefault(event.cell_id, self._now())
        elif event.kind == "program_ready":
            self._build_s.pop(event.cell_id, None)
            self._at_work.pop(event.cell_id, None)
        elif event.kind == "round":
            self._timing_since = self._timing_since or self._now()
            self._rounds += 1
            each_s = (self._now() - self._timing_since) / self._rounds
            self._measure_s[event.cell_id] = (event.of - event.done) * each_s
        elif event.kind == "cell_finished":
            for left in (self._build_s, self._measure_s, self._at_work):
                left.pop(event.cell_id, None)

    def left_s(self) -> float | None:
        """Return how long the rest will take, in seconds, or None if nothing is left."""
        if not self._measure_s and not self._build_s:
            return None
        now = self._now()
        builds = [
            max(0.0, expected - (now - self._at_work.get(cell, now)))
            for cell, expected in self._build_s.items()
        ]
        # Several builders do not make a single build faster.
        build_s = max(sum(builds) / self.builders, *builds, 0.0)
        return build_s + sum(self._measure_s.values())
