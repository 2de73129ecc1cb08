"""The display of a running sweep: a live table on a terminal, one plain line per event elsewhere."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator, Sequence
from time import monotonic

from rich.cells import cell_len
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from etbench.config import Cell
from etbench.escaping import one_line
from etbench.events import Event, OnEvent
from etbench.results.schema.names import cell_words
from etbench.sweep.eta import Estimate
from etbench.sweep.lines import SweepLines
from etbench.sweep.progress import CellProgress
from etbench.terminal.console import STAGE_WORDS
from etbench.terminal.streams import print_line, progress_console, shown
from etbench.terminal.summary_table import significant
from etbench.text import counted, seconds_text

__all__ = ["sweep_view"]

REFRESH_S = 0.5  # and only after an event: drawing disturbs the measurement
SCROLL_S = 3.0  # rows that changed within this time are not scrolled away
FIGURES = ("rounds", "p50 ms")
GAP = 2
SHORTEST_STAGE = 12  # the stage is shortened to this width before a name wraps
LONGEST_STAGE = max(map(len, STAGE_WORDS.values()))
COLORS = {
    **{"waiting": "dim", "working": "cyan", "ready": "blue"},
    **{"ok": "green", "failed": "red", "wrong": "red", "skipped": "yellow", "built": "cyan"},
}


@contextlib.contextmanager
def sweep_view(cells: Sequence[Cell], done_before: int) -> Iterator[OnEvent]:
    """Yield the callback that shows the events of these cells."""
    console = progress_console()
    if done_before:
        counts = f"{counted(done_before, 'cell')} already finished, {counted(len(cells), 'cell')} to run"
        print_line(counts, console)
    if not console.is_terminal or os.environ.get("CI"):
        yield SweepLines(cells, console)
        return
    view = _LiveView(cells, console)
    with view.live:
        yield view
        view.live.update(view.headline(), refresh=True)  # the table of results comes next


class _LiveView:
    """Updates a table of the cells, with as many rows as the screen has, around the active ones.

    Args:
        cells: those of the sweep.
        console: the console to draw on.
        now: returns the time in seconds.

    """

    def __init__(self, cells: Sequence[Cell], console: Console, now: Callable[[], float] = monotonic) -> None:
        self._now = now
        self.rows = {
            cell.cell_id: CellProgress(cell_words(cell.model.name, cell.precision.name, cell.delegate.name))
            for cell in cells
        }
        self.estimate = Estimate(cells, now)
        self.begun = self.drawn_at = now()
        self.live = Live(Text(""), console=console, auto_refresh=False)
        self._places = {cell_id: place for place, cell_id in enumerate(self.rows)}
        self._touched: dict[int, float] = {}  # when a row last changed, by its place
        self._latest = self._top = 0  # the row that changed last, and the first on the screen

    def __call__(self, event: Event) -> None:
        """Update the table with an event, and draw if the last drawing is old enough."""
        self.estimate.take(event)
        if (row := self.rows.get(event.cell_id)) is not None:
            row.take(event)
            self._latest = self._places[event.cell_id]
            self._touched[self._latest] = self._now()
        if self._now() - self.drawn_at > REFRESH_S or event.kind == "cell_finished":
            self.live.update(self.drawn(), refresh=True)
            self.drawn_at = self._now()

    def drawn(self) -> Group:
        """Return the rows that fit the screen, how many are above and below, and the total progress."""
        rows = list(self.rows.values())
        free = self.live.console.width - sum(
            max(map(cell_len, texts)) + GAP for texts in zip(*map(_figures, rows), FIGURES, strict=True)
        )
        names = max((cell_len(row.name) for row in rows), default=0) + GAP
        wraps = free - names < SHORTEST_STAGE
        room = max(3, (self.live.console.height - 4) // (2 if wraps else 1))
        visible = self._scrolled(len(rows), room)
        table = Table(box=None, pad_edge=False)  # a row keeps its height, and a figure its digits
        table.add_column("cell", overflow="fold", no_wrap=not wraps)
        table.add_column("stage", min_width=max(0, min(LONGEST_STAGE, free - names)))
        for name in FIGURES:
            table.add_column(name, no_wrap=True, justify="right")
        for row in rows[visible.start : visible.stop]:
            doing = one_line(row.doing)
            words = Text(doing, COLORS.get(row.state, ""), no_wrap=True, overflow="ellipsis")
            table.add_row(shown(row.name), words, *_figures(row))
        hidden = [
            f"{rows_there} {where}"
            for rows_there, where in ((visible.start, "above"), (len(rows) - visible.stop, "below"))
            if rows_there
        ]
        return Group(
            table, *([Text(f"… {', '.join(hidden)}", style="dim")] if hidden else []), self.headline()
        )

    def _scrolled(self, count: int, room: int) -> range:
        """Return the rows to show; they scroll to an active row only if no shown row changed recently."""
        if count <= room:
            return range(count)
        shown = range(self._top, min(self._top + room, count))
        quiet = all(self._now() - self._touched.get(place, -SCROLL_S) >= SCROLL_S for place in shown)
        if self._latest not in shown and quiet:
            self._top = self._latest - room // 3
        self._top = max(0, min(self._top, count - room))
        return range(self._top, self._top + room)

    def headline(self) -> Text:
        """Return the progress of the whole sweep."""
        rows = self.rows.values()
        words = [f"{sum(row.over for row in rows)} of {counted(len(rows), 'cell')}"]
        counts = ((state, sum(row.state == state for row in rows)) for state in ("failed", "wrong"))
        words.extend(f"{count} {state}" for state, count in counts if count)
        words.append(seconds_text(self._now() - self.begun))
        left = self.estimate.left_s()
        if left is not None and not all(row.over for row in rows):
            words.append(f"about {seconds_text(left)} left")
        if building := self.estimate.building:
            words.append(f"{counted(building, 'build')} running")
        return Text(" · ".join(words), style="bold")


def _figures(row: CellProgress) -> tuple[str, str]:
    return f"{row.done}/{row.of}" if row.of else "", "" if row.p50_ms is None else significant(row.p50_ms)
