"""What a sweep shows while it goes on: a live table on a terminal, one plain line an event elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from time import monotonic

from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from etbench.config import Cell
from etbench.console import ConsoleLog
from etbench.events import Event, OnEvent
from etbench.measure.protocol import seconds_text
from etbench.sweep.eta import Estimate
from etbench.sweep.progress import STATUSES, CellProgress

__all__ = ["sweep_view"]

REFRESH_S = 0.5  # and only when something happened: drawing takes time from what is measured
COLORS = {
    **{"waiting": "dim", "working": "cyan", "ready": "blue"},
    **{"ok": "green", "failed": "red", "skipped": "yellow", "built": "cyan"},
}


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


class _LiveView:
    """Keeps a table of all cells up to date."""

    def __init__(self, cells: Sequence[Cell], console: Console) -> None:
        self.rows = {cell.cell_id: CellProgress(cell.stem) for cell in cells}
        self.estimate = Estimate(cells)
        self.begun = self.drawn_at = monotonic()
        self.live = Live(Text(""), console=console, auto_refresh=False)

    def __call__(self, event: Event) -> None:
        """Take in an event, and draw if the last drawing is old enough."""
        self.estimate.take(event)
        if (row := self.rows.get(event.cell_id)) is not None:
            row.take(event)
        if monotonic() - self.drawn_at > REFRESH_S or event.kind == "cell_finished":
            self.live.update(self.drawn(), refresh=True)
            self.drawn_at = monotonic()

    def drawn(self) -> Group:
        """Return the table, with a line on how far all of it is."""
        table = Table(box=None, pad_edge=False)
        for name in ("cell", "stage", "rounds", "p50 ms"):
            table.add_column(name, no_wrap=True, justify="left" if name in ("cell", "stage") else "right")
        for row in self._shown():
            rounds = f"{row.done}/{row.of}" if row.of else ""
            p50 = "" if row.p50_ms is None else f"{row.p50_ms:.3g}"
            table.add_row(row.name, Text(row.doing, style=COLORS.get(row.state, "")), rounds, p50)
        return Group(table, Text(self._headline(), style="bold"))

    def _shown(self) -> list[CellProgress]:
        """Return the rows that fit the screen: what is going on before what waits and what is over."""
        room = max(5, self.live.console.height - 4)
        rows = list(self.rows.values())
        if len(rows) <= room:
            return rows
        order = ("working", "failed", "ready", "waiting", *STATUSES)
        return sorted(rows, key=lambda row: order.index(row.state))[:room]

    def _headline(self) -> str:
        over = sum(row.over for row in self.rows.values())
        left = self.estimate.left_s()
        words = [f"{over} of {len(self.rows)} cells", seconds_text(monotonic() - self.begun)]
        if left is not None and over < len(self.rows):
            words.append(f"about {seconds_text(left)} left")
        if self.estimate.building:
            words.append(f"{self.estimate.building} builders at work")
        return " · ".join(words)
