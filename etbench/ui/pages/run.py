"""The Run tab: choose a grid, start it, and see how far it and every other run is."""

from __future__ import annotations

from pathlib import Path

from nicegui import ui

from etbench.ui.jobs import Jobs
from etbench.ui.library import Library
from etbench.ui.pages.chooser import Chooser
from etbench.ui.pages.frame import card, page_frame, words
from etbench.ui.pages.progress import RunCard
from etbench.ui.watch import LOOK_EVERY_S, Watch, find_runs

__all__ = ["build"]

OTHERS_EVERY_S = 5.0


def build(jobs: Jobs, library: Library) -> None:
    """Build the page for one browser tab."""
    with (
        page_frame("Run"),
        ui.element("div").classes("grid grid-cols-1 lg:grid-cols-[23rem_1fr] gap-4 items-start"),
    ):
        with card("What to measure"):
            Chooser(jobs)
        with ui.column().classes("w-full gap-4 min-w-0"):
            _Runs(jobs, library.roots)


class _Runs:
    """The runs of the queue, and those that others started into the same folders."""

    def __init__(self, jobs: Jobs, roots: list[Path]) -> None:
        self.jobs = jobs
        self.roots = roots
        self.cards: dict[int | Path, RunCard] = {}
        with card("No run yet") as self.empty:
            words(
                "Tick a model, a precision and a delegate, then press Start. The program is built first, "
                "which takes from seconds to minutes and is kept for the next time; then it is timed in "
                "fresh processes."
            )
        self.place = ui.column().classes("w-full gap-4")
        self.look_at_others()
        self.look()
        ui.timer(LOOK_EVERY_S, self.look)
        ui.timer(OTHERS_EVERY_S, self.look_at_others)

    def look(self) -> None:
        """Bring every card up to date."""
        for job in self.jobs.all:
            if job.number not in self.cards:
                self._add(job.number, RunCard(self.place, f"Run {job.number}", job=job, jobs=self.jobs))
        for shown in self.cards.values():
            shown.look()
        self.empty.set_visibility(not self.cards)

    def look_at_others(self) -> None:
        """Find runs that were started elsewhere and are still going on."""
        own = {job.watch.folder for job in self.jobs.all if job.watch}
        for folder in find_runs(self.roots):
            if folder not in own and folder not in self.cards:
                watch = Watch(folder)
                watch.look()
                if watch.alive and not watch.complete:
                    self._add(folder, RunCard(self.place, f"Started elsewhere: {folder}", watch=watch))

    def _add(self, key: int | Path, shown: RunCard) -> None:
        self.cards[key] = shown
        shown.box.move(target_index=0)  # the latest first
