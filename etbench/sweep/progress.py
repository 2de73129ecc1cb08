"""The progress of a cell, from its events, as the terminal and the web page show it."""

from __future__ import annotations

from dataclasses import dataclass, field

from etbench.events import Event
from etbench.terminal.console import STAGE_WORDS

__all__ = ["STATUSES", "CellProgress"]

STATUSES = ("ok", "failed", "wrong", "skipped", "built")


@dataclass
class CellProgress:
    """The current state of one cell.

    `state` is ``waiting``, ``working``, ``ready`` (its program is built) or the status of its result;
    `doing` describes it. `done` and `of` count its rounds, `medians_ms` are the medians of those, and
    `p50_ms` is the median of them.
    """

    name: str
    doing: str = "waiting"
    state: str = "waiting"
    done: int = 0
    of: int = 0
    p50_ms: float | None = None
    medians_ms: list[float] = field(default_factory=list)

    def take(self, event: Event) -> None:
        """Update the state with an event of this cell."""
        if event.kind == "cell_started":  # again, when a sweep is resumed
            self.done, self.of, self.p50_ms, self.medians_ms = 0, 0, None, []
        elif event.kind == "stage_started" and event.stage in STAGE_WORDS:
            self.doing, self.state = STAGE_WORDS[event.stage], "working"
        elif event.kind == "program_ready":
            self.doing, self.state = f"program {event.message}", "ready"
        elif event.kind == "round":
            self.doing, self.state = "timing", "working"
            self.done, self.of, self.p50_ms = event.done, event.of, event.p50_ms
            if event.round_ms is not None:  # logs of older versions have none
                self.medians_ms.append(event.round_ms)
        elif event.kind == "progress":
            self.doing = event.message
        elif event.kind == "cell_finished":
            self.doing = self.state = event.status

    @property
    def over(self) -> bool:
        """Whether it has its result."""
        return self.state in STATUSES
