"""The Run tab: choose a grid, start it, and see the progress of all runs."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from nicegui import Client, ui

from etbench.ui.external_runs import FIND_EVERY_S, ExternalRuns
from etbench.ui.jobs import Jobs
from etbench.ui.library import Library
from etbench.ui.pages.chooser import Chooser
from etbench.ui.pages.frame import card, page_frame, words
from etbench.ui.pages.progress import RunCard
from etbench.ui.watch import LOOK_EVERY_S

__all__ = ["build", "look_every_s"]

AT_FULL_PACE = 4  # pages


def build(jobs: Jobs, external: ExternalRuns, library: Library) -> None:
    """Build the page for one browser tab."""
    with (
        page_frame("Run"),
        ui.element("div").classes("grid grid-cols-1 lg:grid-cols-[23rem_1fr] gap-4 items-start"),
    ):
        with card("What to measure"):
            Chooser(jobs)
        with ui.column().classes("w-full gap-4 min-w-0"):
            _Runs(jobs, external, library)


def look_every_s(pages: int) -> float:
    """Return the seconds between two updates of a page; with many pages, they are less frequent."""
    return LOOK_EVERY_S * max(1.0, pages / AT_FULL_PACE)


class _Runs:
    """The runs of the queue, and those of the same folders that this server did not start."""

    def __init__(self, jobs: Jobs, external: ExternalRuns, library: Library) -> None:
        self.jobs, self.external, self.library = jobs, external, library
        self.cards: dict[int | Path, RunCard] = {}
        with card("No run yet") as self.empty:
            words(
                "Tick a model, a precision and a delegate, then press Start. The program is built first, "
                "which takes seconds to minutes, and cached for the next run; then it is timed in fresh "
                "processes."
            )
        self.place = ui.column().classes("w-full gap-4")
        self.timer = ui.timer(LOOK_EVERY_S, self.look, immediate=False)
        self.look()
        ui.timer(FIND_EVERY_S, self.look_at_others)

    def look(self) -> None:
        """Update every card."""
        connected = sum(client.has_socket_connection for client in Client.instances.values())
        self.timer.interval = look_every_s(connected)
        own = self.jobs.folders
        watches = {folder: watch for folder, watch in self.external.watches.items() if folder not in own}
        for key in self.cards.keys() - watches.keys() - {job.number for job in self.jobs.all}:
            self.cards.pop(key).box.delete()
        for folder, watch in reversed(watches.items()):
            if folder not in self.cards:
                self._add(
                    folder, f"{'Started elsewhere' if watch.alive else 'Earlier'}: {folder}", watch=watch
                )
        for job in self.jobs.all:
            if job.number not in self.cards:
                self._add(job.number, f"Run {job.number}", job=job)
        for shown in self.cards.values():
            shown.look()
        self.empty.set_visibility(not self.cards)

    async def look_at_others(self) -> None:
        """Find runs that were started elsewhere, or by an earlier server."""
        await asyncio.to_thread(self.external.look, self.jobs.folders)

    def _add(self, key: int | Path, title: str, **what: Any) -> None:
        shown = RunCard(self.place, title, jobs=self.jobs, library=self.library, **what)
        shown.box.move(target_index=0)  # the latest first
        self.cards[key] = shown
