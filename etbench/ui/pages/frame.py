"""Shared by all pages: the bar with the tabs, colours, cards, tables."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from etbench.escaping import html
from etbench.system.os_errors import os_error_text
from etbench.system.reading import read_file
from etbench.text import printable

__all__ = [
    "CommandLine",
    "cannot_be_shown",
    "card",
    "facts",
    "figure",
    "heading",
    "inspect_address",
    "offer_file",
    "offer_options",
    "page_frame",
    "table",
    "table_rows",
    "words",
]

TABS = {
    **{"Run": "/", "Results": "/results", "Decide": "/decide", "Compare": "/compare"},
    **{"Trend": "/trend", "Inspect": "/inspect", "Doctor": "/doctor"},
}

STYLE = Path(__file__).with_name("style.css")


@contextlib.contextmanager
def page_frame(current: str) -> Iterator[None]:
    """Build the bar with the tabs and the container for the rest, for widths from 390 pixels."""
    ui.add_css(STYLE)
    ui.colors(primary="#1a56b0", negative="#b42318", positive="#1b7f3b")
    with ui.header().classes("eb-header items-center gap-1 px-3 py-2"):
        ui.label("etbench").classes("text-lg font-bold mr-2")
        with ui.element("nav").props('aria-label="Pages"').classes("flex flex-wrap gap-1"):
            for name, target in TABS.items():
                link = ui.link(name, target).classes("eb-tab")
                if name == current:
                    link.props('aria-current="page"')
    with ui.element("main").classes("w-full max-w-screen-xl mx-auto p-3 sm:p-5") as main:
        heading(current, 1).classes("sr-only")  # the tab shows it to sighted users
        yield
    ui.skip_link(target=main)


def cannot_be_shown(what: str, reason: str) -> None:
    """Explain in a box why a part of the page is missing."""
    with card(what):
        words(f"cannot be shown: {reason}")


@contextlib.contextmanager
def card(title: str) -> Iterator[ui.card]:
    """Yield a box with a heading."""
    with ui.card().classes("eb-card w-full").props("flat") as box:
        heading(title)
        yield box


def words(text: str) -> ui.label:
    """Add a sentence in a muted colour."""
    return ui.label(text).classes("eb-quiet")


def offer_file(path: Path, name: str) -> None:
    """Send a file of this server to the browser as a JSON file of this name."""
    try:
        body = read_file(path)  # what was a result when it was listed may be a FIFO by now
    except OSError as error:
        ui.notify(printable(os_error_text(error)), type="negative")
    else:
        ui.download.content(body, name, "application/json")


def inspect_address(key: str) -> str:
    """Return where the Inspect tab shows the result with this key."""
    return f"{TABS['Inspect']}?{urlencode({'result': key})}"


class CommandLine:
    """A command line with a button that copies it.

    Args:
        label: its name for a screen reader.

    """

    def __init__(self, label: str) -> None:
        with ui.row().classes("items-start no-wrap w-full gap-1"):
            self._shown = ui.label().classes("eb-code grow").props(f'aria-label="{label}" role="note"')
            copy = ui.button(icon="content_copy", on_click=self._copy, color=None)
            copy.props('flat dense round size=sm aria-label="Copy the command line"')

    def set_text(self, text: str) -> None:
        """Show this command line."""
        self._shown.set_text(text)

    async def _copy(self) -> None:
        """Show "Copied" only after success: browsers allow copying only on this machine and with https."""
        text, copied = json.dumps(self._shown.text), False
        with contextlib.suppress(TimeoutError):
            write = f"navigator.clipboard.writeText({text}).then(() => true, () => false)"
            copied = await ui.run_javascript(f"navigator.clipboard ? {write} : false", timeout=10)
        ui.notify("Copied" if copied else "The browser does not allow copying: select the text instead")


def table(columns: Sequence[str], rows: Sequence[Sequence[object]], *, numbers: int = 0) -> ui.table:
    """Add a table; the last `numbers` columns are numeric."""
    first_number = len(columns) - numbers
    defined = [
        {"name": str(i), "label": name, "field": str(i), "align": "left" if i < first_number else "right"}
        for i, name in enumerate(columns)
    ]
    found = ui.table(columns=defined, rows=table_rows(rows), row_key="key").classes("eb-table w-full")
    return found.props('flat dense wrap-cells hide-pagination :rows-per-page-options="[0]"')


def table_rows(rows: Sequence[Sequence[object]]) -> list[dict[str, object]]:
    """Return rows in the format of the browser."""
    return [{"key": n, **{str(i): value for i, value in enumerate(row)}} for n, row in enumerate(rows)]


def facts(rows: Sequence[tuple[str, str]]) -> None:
    """Add names and values, one below the other."""
    with ui.element("dl").classes("grid grid-cols-[minmax(6rem,auto)_1fr] gap-x-4 gap-y-1 m-0 text-sm"):
        for name, value in rows:
            with ui.element("dt").classes("eb-quiet"):
                ui.label(name)
            with ui.element("dd").classes("m-0 min-w-0"):
                ui.label(value).classes("break-words")


def figure(svg: str, in_words: str) -> ui.html:
    """Add a chart of `etbench.ui.figures`, with a description for screen readers."""
    shown = ui.html(svg, sanitize=False).classes("eb-figure")  # vl-convert escapes every text in it
    shown.props["role"] = "img"
    shown.props["aria-label"] = in_words
    return shown


def heading(text: str, level: int = 2) -> ui.html:
    """Add a heading."""
    return ui.html(html(text), sanitize=False, tag=f"h{level}")


def offer_options(select: ui.select, options: list[str], chosen: Any) -> None:
    """Change a list only if it differs: an update may undo a click that has not arrived yet."""
    if (select.options, select.value) != (options, chosen):
        select.set_options(options, value=chosen)
