"""The Compare tab: charts of any folders, what was left out, and verdicts on two sweeps."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

import pandas as pd
from nicegui import ui

from etbench.builder.cache import cache_folder
from etbench.drawing import Picture
from etbench.results.report import gather, html_page
from etbench.results.schema import Result
from etbench.results.tables.frames import to_frame
from etbench.results.tables.metrics import RAW
from etbench.results.tables.spreadsheet import write_frame
from etbench.text import counted
from etbench.ui.faults import Fault, attempt, noting_faults
from etbench.ui.figures import CHARTS, FORMATS, as_file, draw, inline_svg
from etbench.ui.library import LOOK_EVERY_S, Library
from etbench.ui.pages.frame import cannot_be_shown, card, figure, offer_options, page_frame, table, words
from etbench.ui.pages.latest import Latest
from etbench.ui.pages.verdicts import Verdicts

__all__ = ["build"]

FILTERS = ("model", "precision", "delegate")
MEDIA = {"png": "image/png", "svg": "image/svg+xml", "pdf": "application/pdf"}


def build(library: Library) -> None:
    """Build the page for one browser tab; results are added later, since reading and drawing take seconds."""
    with page_frame("Compare"), ui.column().classes("w-full gap-4"):
        shown = _Compare(library)
        with card("Two sweeps side by side"):
            verdicts = Verdicts(library)

    async def look() -> None:
        """Show new files."""
        if shown.version != await asyncio.to_thread(library.look):
            with noting_faults(shown.note_fault):
                shown.offer()
                verdicts.offer()
            await shown.show()

    ui.timer(LOOK_EVERY_S, look)


class _Compare:
    """Folders, filters, and charts and tables of the selected results."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.version = -1
        self.offering = False
        self.frame = pd.DataFrame()
        self.results: list[Result] = []
        self.files: list[Path] = []
        self.selects: dict[str, ui.select] = {}
        with card("What to compare"):
            self.folders = _many("Folders", self._changed)
            with ui.element("div").classes("grid grid-cols-1 sm:grid-cols-3 gap-3"):
                for name in FILTERS:
                    self.selects[name] = _many(f"Only these {name}s (empty: all)", self._changed)
            with ui.row().classes("gap-2 items-center"):
                self.count = ui.label().classes("text-sm font-medium").props('role="status"')
                for text, action in (("CSV", self.csv), ("Report", self.report)):
                    button = ui.button(text, icon="download", on_click=action, color=None)
                    button.props("flat dense no-caps size=sm")
        self.place = ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-4 items-start w-full")
        self.latest = Latest(self.place)
        with self.place:
            words("Reading the results …")

    def offer(self) -> None:
        """Offer the folders of the library; only the first folder is selected automatically."""
        self.version = self.library.version
        self.offering = True
        folders = self.library.folders()
        chosen = [name for name in self.folders.value if name in folders] or folders[:1]
        offer_options(self.folders, folders, chosen)
        frame = to_frame(self.library.results(folders))
        for name, select in self.selects.items():
            options = sorted(set(frame[name]))
            offer_options(select, options, [one for one in select.value if one in options])
        self.offering = False

    def note_fault(self, reason: str) -> None:
        """Show why the results cannot be compared, instead of the results."""
        self.offering = False
        self.place.clear()
        with self.place:
            cannot_be_shown("The comparison", reason)

    async def show(self) -> None:
        """Draw the selected results."""
        with noting_faults(self.note_fault):
            await self._show()

    async def _show(self) -> None:
        wanted = self.latest.ask()
        entries = [one for one in self.library.of(self.folders.value) if self._wanted(one.result)]
        self.results, self.files = [one.result for one in entries], [one.path for one in entries]
        self.frame = to_frame(self.results, self.files)
        measured = int(self.frame["status"].eq("ok").sum())
        self.count.set_text(counted(measured, "measured cell") if self.library.entries else "No results yet")
        drawn = await asyncio.to_thread(_draw, self.frame) if measured else {}
        if not wanted():
            return
        self.place.clear()
        with self.place:
            if not self.library.entries:
                with card("Nothing to compare yet"):
                    words("Start a run on the Run tab; its results appear here automatically.")
                return
            for name, svg in drawn.items():
                if isinstance(svg, Fault):
                    cannot_be_shown(CHARTS[name], svg.reason)
                else:
                    self._chart(name, svg)
            self._left_out()

    def csv(self) -> None:
        """Download the table of the selected cells, as `aggregate` writes it."""
        body = write_frame(self.frame.drop(columns=RAW)) or ""
        ui.download.content(body, "results.csv", "text/csv")

    async def report(self) -> None:
        """Download the report of the selected cells."""
        if not self.results:
            ui.notify("No cells are selected")
            return
        title = ", ".join(self.folders.value)
        cache = cache_folder(None)
        page = await asyncio.to_thread(
            attempt, lambda: html_page(gather(self.results, self.files, title=title), cache=cache)
        )
        if isinstance(page, Fault):
            ui.notify(f"The report cannot be written: {page.reason}", type="negative")
        else:
            ui.download.content(page, "report.html", "text/html")

    def _changed(self) -> Coroutine[Any, Any, None] | None:
        """Draw again after a change by the user; after `offer`, that is done once for all its changes."""
        return None if self.offering else self.show()

    def _wanted(self, result: Result) -> bool:
        names = {
            "model": result.model_name,
            "precision": result.precision_short,
            "delegate": result.delegate,
        }
        return all(
            not self.selects[key].value or name in self.selects[key].value for key, name in names.items()
        )

    def _chart(self, name: str, svg: str) -> None:
        title = CHARTS[name]
        with card(title):
            figure(svg, f"{title}: a chart; its numbers are in the CSV file")
            with ui.row().classes("gap-1"):
                for form in FORMATS:
                    button = ui.button(form.upper(), color=None).props("flat dense no-caps size=sm")
                    button.props(f'aria-label="Download {title} as {form.upper()}"')
                    button.on_click(lambda name=name, form=form: self._download(name, form))

    async def _download(self, name: str, form: Picture) -> None:
        chart = draw(name, self.frame, **_fixed(self.frame))
        body = await asyncio.to_thread(attempt, as_file, chart, form, name)
        if isinstance(body, Fault):
            ui.notify(f"The chart cannot be drawn: {body.reason}", type="negative")
            return
        ui.download.content(body, f"{name}.{form}", MEDIA[form])

    def _left_out(self) -> None:
        rows = self.library.left_out(self.folders.value)
        if rows:
            with card("Left out"):
                table(["cell or file", "reason"], rows)


def _draw(frame: pd.DataFrame) -> dict[str, str | Fault]:
    return {name: attempt(_drawn, name, frame) for name in CHARTS}


def _drawn(name: str, frame: pd.DataFrame) -> str:
    return inline_svg(draw(name, frame, **_fixed(frame)), name)


def _fixed(frame: pd.DataFrame) -> dict[str, str]:
    """Return the delegate and the precision of the bar charts."""
    ok = frame[frame["status"].eq("ok")]
    return {
        name: usual if usual in set(ok[name]) else str(ok[name].mode()[0])
        for name, usual in (("delegate", "xnnpack"), ("precision", "fp32"))
    }


def _many(label: str, on_change: Any) -> ui.select:
    select = ui.select([], label=label, multiple=True, value=[], on_change=on_change).classes("w-full")
    return select.props("outlined dense use-chips options-dense")
