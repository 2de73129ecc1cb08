"""The Trend tab: the latency of each cell over its runs, and where its level changed."""

from __future__ import annotations

import asyncio
from typing import Any

from nicegui import ui

from etbench.results import charts
from etbench.results.history import CellHistory, cell_histories
from etbench.results.report.over_time import history_grid
from etbench.results.tables.frames import to_frame
from etbench.ui.faults import Fault, attempt, noting_faults
from etbench.ui.figures import inline_svg
from etbench.ui.library import LOOK_EVERY_S, Library
from etbench.ui.pages.frame import cannot_be_shown, card, figure, offer_options, page_frame, table, words
from etbench.ui.pages.latest import Latest

__all__ = ["build"]

NOTHING = (
    "No cell was measured twice in these folders. Measure the same cell again, for instance every night, and "
    "its history appears here."
)


def build(library: Library) -> None:
    """Build the page for one browser tab."""
    with page_frame("Trend"), ui.column().classes("w-full gap-4"):
        shown = _Trend(library)
    ui.timer(LOOK_EVERY_S, shown.look)


class _Trend:
    """Folders and a cell to choose, its runs, and the level of all cells."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.version = -1
        self.histories: dict[str, CellHistory] = {}
        with card("Cell"):
            self.folders = ui.select([], label="Folders", multiple=True, value=[], on_change=self.show)
            self.folders.classes("w-full").props("outlined dense use-chips options-dense clearable")
            words("Runs of a cell are taken from all folders, unless some are chosen.")
            self.cell = ui.select([], label="Cell", with_input=True, on_change=self.draw).classes("w-full")
            self.cell.props("outlined dense options-dense")
        self.chart = ui.column().classes("w-full")
        self.levels = ui.column().classes("w-full")
        self.latest, self.latest_chart = Latest(self.levels), Latest(self.chart)

    async def look(self) -> None:
        """Show new files."""
        if self.version != await asyncio.to_thread(self.library.look):
            self.version = self.library.version
            folders = self.library.folders()
            offer_options(self.folders, folders, [one for one in self.folders.value or [] if one in folders])
            await self.show()

    async def show(self, *_: Any) -> None:
        """List the cells that were measured more than once, those with changes first."""
        with noting_faults(self.note_fault):
            wanted = self.latest.ask()
            entries = self.library.of(self.folders.value or self.library.folders())
            results = [entry.result for entry in entries]
            found = await asyncio.to_thread(lambda: cell_histories(to_frame(results))) if results else []
            if not wanted():
                return
            again = [one for one in found if len(one.runs) > 1]
            again.sort(key=lambda one: (not one.changes, -len(one.runs)))
            self.histories = {one.name: one for one in again}
            names = list(self.histories)
            chosen = self.cell.value if self.cell.value in self.histories else next(iter(names), None)
            offer_options(self.cell, names, chosen)
            self._list()
            await self.draw()

    async def draw(self, *_: Any) -> None:
        """Draw the runs of the chosen cell."""
        wanted = self.latest_chart.ask()
        history = self.histories.get(str(self.cell.value))
        drawn = await asyncio.to_thread(attempt, _drawn, history) if history else None
        if not wanted():
            return
        self.chart.clear()
        with self.chart:
            if isinstance(drawn, Fault):
                cannot_be_shown("Latency over time", drawn.reason)
            elif drawn and history:
                with card("Latency over time"):
                    figure(drawn, f"The runs of {history.name}; the numbers are in the table below")
                    words(
                        "Each point is a run, with the 95 % interval of its median. The line is the level "
                        "between changes; the number at a change is the new level divided by the old one."
                    )

    def note_fault(self, reason: str) -> None:
        """Explain why there is nothing to show."""
        self.levels.clear()
        with self.levels:
            cannot_be_shown("The trend", reason)

    def _list(self) -> None:
        self.levels.clear()
        with self.levels, card("Level of each cell"):
            if not self.histories:
                words(NOTHING)
                return
            grid = history_grid(list(self.histories.values()))
            table(grid.labels, [[entry.text for entry in row] for row in grid.rows])


def _drawn(history: CellHistory) -> str:
    return inline_svg(charts.history_lines([history]), "history_lines")
