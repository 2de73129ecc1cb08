"""What a sweep shows while it goes on: a live table on a terminal, one plain line an event elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from etbench.config import Cell
from etbench.console import STAGE_WORDS, ConsoleLog
from etbench.events import Event, OnEvent
from etbench.measure.protocol import seconds_text
from etbench.sweep.eta import Estimate

__all__ = ["sweep_view"]

REFRESH_S = 0.5  # and only when something happened: drawing takes time from what is measured
COLORS = {"ok": "green", "failed": "red", "skipped": "yellow", "built": "cyan"}


@contextlib.contextmanager
def sweep_view(cells: Sequence[Cell], done_before: int) -> Iterator[OnEvent]:
    """Give the callback that shows the events of these cells."""
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    if done_before:
        console.print(f"{done_before} cells are there already, {len(cells)} are still to be run")
    if not console.is_terminal or os.environ.get("CI"):
        yield ConsoleLog(console, many=True)
        return
    view = _LiveView(cells, console)
    with view.live:
        yield view
        view.live.update(view.drawn(), refresh=True)


@dataclass
class _Row:
    """One cell as it stands."""

    name: str
    doing: str = "waiting"
    color: str = "dim"
    rounds: str = ""
    p50: str = ""


class _LiveView:
    """Keeps a table of all cells up to date."""

    def __init__(self, cells: Sequence[Cell], console: Console) -> None:
        self.rows = {cell.cell_id: _Row(cell.stem) for cell in cells}
        self.estimate = Estimate(cells)
        self.begun = self.drawn_at = monotonic()
        self.live = Live(Text(""), console=console, auto_refresh=False)

    def __call__(self, event: Event) -> None:
        """Take in an event, and draw if the last drawing is old enough."""
        self.estimate.take(event)
        if (row := self.rows.get(event.cell_id)) is not None:
            self._take(row, event)
        if monotonic() - self.drawn_at > REFRESH_S or event.kind == "cell_finished":
            self.live.update(self.drawn(), refresh=True)
            self.drawn_at = monotonic()

    def drawn(self) -> Group:
        """Return the table, with a line on how far all of it is."""
        table = Table(box=None, pad_edge=False)
        for name in ("cell", "stage", "rounds", "p50 ms"):
            table.add_column(name, no_wrap=True, justify="left" if name in ("cell", "stage") else "right")
        for row in self._shown():
            table.add_row(row.name, Text(row.doing, style=row.color), row.rounds, row.p50)
        return Group(table, Text(self._headline(), style="bold"))

    def _take(self, row: _Row, event: Event) -> None:
        if event.kind == "stage_started" and event.stage in STAGE_WORDS:
            row.doing, row.color = STAGE_WORDS[event.stage], "cyan"
        elif event.kind == "program_ready":
            row.doing, row.color = f"program {event.message}", "blue"
        elif event.kind == "round":
            row.doing, row.color = "timing", "cyan"
            row.rounds, row.p50 = f"{event.done}/{event.of}", f"{event.p50_ms:.3g}"
        elif event.kind == "progress":
            row.doing = event.message
        elif event.kind == "cell_finished":
            row.doing, row.color = event.status, COLORS.get(event.status, "")

    def _shown(self) -> list[_Row]:
        """Return the rows that fit the screen: what is going on before what waits and what is over."""
        room = max(5, self.live.console.height - 4)
        rows = list(self.rows.values())
        if len(rows) <= room:
            return rows
        rank = {"cyan": 0, "red": 1, "blue": 2, "dim": 3}
        return sorted(rows, key=lambda row: rank.get(row.color, 4))[:room]

    def _headline(self) -> str:
        over = sum(row.color in COLORS.values() and row.doing in COLORS for row in self.rows.values())
        left = self.estimate.left_s()
        words = [f"{over} of {len(self.rows)} cells", seconds_text(monotonic() - self.begun)]
        if left is not None and over < len(self.rows):
            words.append(f"about {seconds_text(left)} left")
        if self.estimate.building:
            words.append(f"{self.estimate.building} builders at work")
        return " · ".join(words)
