"""The Results tab: all cells of all folders in one table, to filter, sort, open, and put side by side."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlencode

from nicegui import ui

from etbench.errors import EtbenchError
from etbench.results.comparison.pairing import cell_name
from etbench.results.decision.figures import accuracy_names, figure
from etbench.results.decision.where import parse_where
from etbench.results.schema import Result
from etbench.terminal.summary_table import state_of
from etbench.text import counted
from etbench.ui.faults import noting_faults
from etbench.ui.library import LOOK_EVERY_S, Entry, Library
from etbench.ui.pages.frame import TABS, card, inspect_address, page_frame, table, words

__all__ = ["build"]

MEGA = 1e6
EXACT = 1e308  # stands for infinity, which JSON does not have: the SQNR of an output without an error
# How the browser writes a number.
SHORT = """v => v == null ? '-' : v >= 1e308 ? 'exact' : Number(v.toPrecision(3)).toLocaleString('en')"""
# Heading, unit of the number in the unit of the figure, and the figure.
FIGURES = (
    ("p50 ms", 1.0, "latency_p50_ms"),
    ("mean ms", 1.0, "latency_mean_ms"),
    ("load ms", 1.0, "load_ms"),
    ("size MB", MEGA, "pte_bytes"),
    ("memory MB", MEGA, "peak_memory_bytes"),
    ("SQNR dB", 1.0, "sqnr_db"),
)
LINK = """
<q-td :props="props"><a :href="props.row.link">{{ props.value }}</a></q-td>
"""

CHOOSE = """<q-checkbox v-model="props.selected" dense :aria-label="`Choose ${props.row.cell}`" />"""
CHOOSE_ALL = """<q-checkbox v-model="props.selected" dense aria-label="Choose all" />"""


def build(library: Library, where: str) -> None:
    """Build the page for one browser tab.

    Args:
        library: the results.
        where: the filter, from the address.

    """
    with page_frame("Results"), ui.column().classes("w-full gap-4"):
        shown = _Results(library, where)
    ui.timer(LOOK_EVERY_S, shown.look)


class _Results:
    """The filter, the table, and the chosen cells side by side."""

    def __init__(self, library: Library, where: str) -> None:
        self.library = library
        self.version = -1
        with card("All results"):
            self.where = ui.input("Filter", value=where, on_change=self.show).classes("w-full")
            self.where.props('outlined dense clearable debounce="300"')
            words("Words such as: mobilenet int8. Or conditions: precision=int8 and pte_bytes<=20MB.")
            self.count = ui.label().classes("text-sm font-medium").props('role="status"')
            self.table = ui.table(columns=_columns([]), rows=[], row_key="key", selection="multiple")
            self.table.classes("eb-table eb-results w-full").on_select(self.side_by_side)
            self.table.props('flat dense virtual-scroll hide-pagination :rows-per-page-options="[0]"')
            for name, template in (
                *(("body-cell-cell", LINK), ("body-selection", CHOOSE)),
                ("header-selection", CHOOSE_ALL),
            ):
                self.table.add_slot(name, template)
        self.place = ui.column().classes("w-full")

    async def look(self) -> None:
        """Show new files."""
        if self.version != await asyncio.to_thread(self.library.look):
            self.version = self.library.version
            self.show()

    def show(self) -> None:
        """Show the cells that match the filter."""
        with noting_faults(self.note_fault):
            self._show()

    def note_fault(self, reason: str) -> None:
        """Explain why the table is not that of the filter."""
        self.count.set_text(f"These cannot be shown: {reason}")

    def _show(self) -> None:
        text = str(self.where.value or "").strip()
        asked = f"?{urlencode({'where': text})}" if text else ""
        ui.navigate.history.replace(TABS["Results"] + asked)  # for a reload or a bookmark
        try:
            found = _matching(text, list(self.library.entries.values()))
        except EtbenchError as error:
            self.count.set_text(str(error.message))
            return
        found.sort(key=lambda entry: entry.result.created_at, reverse=True)
        names = accuracy_names(entry.result for entry in found)
        self.table.columns = _columns(names)
        self.table.rows = [_row(entry, names) for entry in found]
        self.table.update()
        total = counted(len(self.library.entries), "result")
        self.count.set_text(total if len(found) == len(self.library.entries) else f"{len(found)} of {total}")

    def side_by_side(self) -> None:
        """Show the chosen cells in columns."""
        keys = [str(row["key"]) for row in self.table.selected]
        entries = [self.library.entries[key] for key in keys if key in self.library.entries]
        self.place.clear()
        if len(entries) > 1:
            with self.place, card("Side by side"):
                _put_side_by_side(entries)


def _matching(text: str, entries: Sequence[Entry]) -> list[Entry]:
    """Return the results that a filter leaves: conditions if it has an operator, else words.

    Raises:
        EtbenchError: if a condition is not valid.

    """
    if re.search(r"[<>=]", text):
        holds = parse_where(text)
        return [entry for entry in entries if holds(entry.result)]
    wanted = text.lower().split()
    return [entry for entry in entries if all(word in _words(entry) for word in wanted)]


def _words(entry: Entry) -> str:
    return f"{cell_name(entry.result)} {entry.folder} {state_of(entry.result)}".lower()


def _columns(accuracies: Sequence[str]) -> list[dict[str, Any]]:
    texts = [("cell", "cell"), ("state", "state")]
    numbers = [(name, name) for name, *_ in FIGURES] + [(name, name) for name in accuracies]
    return [
        *(
            {"name": name, "label": label, "field": name, "align": "left", "sortable": True}
            for name, label in texts
        ),
        *(
            {"name": name, "label": label, "field": name, "sortable": True, ":format": SHORT}
            for name, label in numbers
        ),
        *(
            {"name": name, "label": name, "field": name, "align": "left", "sortable": True}
            for name in ("folder", "measured at")
        ),
    ]


def _row(entry: Entry, accuracies: Sequence[str]) -> dict[str, Any]:
    result = entry.result
    return {
        "key": entry.key,
        "link": inspect_address(entry.key),
        "cell": cell_name(result),
        "state": state_of(result),
        "folder": entry.folder,
        "measured at": result.created_at[:16].replace("T", " "),
        **{name: _number(result, column, unit) for name, unit, column in FIGURES},
        **{name: _number(result, name, 1.0) for name in accuracies},
    }


def _number(result: Result, name: str, unit: float) -> float | None:
    value = figure(result, name)
    return None if value is None else min(value / unit, EXACT)


def _in_words(value: float | None) -> str:
    if value is None:
        return "-"
    return "exact" if value >= EXACT else f"{value:.4g}"


def _put_side_by_side(entries: Sequence[Entry]) -> None:
    rows: list[tuple[str, ...]] = [
        ("folder", *(entry.folder for entry in entries)),
        ("state", *(state_of(entry.result) for entry in entries)),
    ]
    names = [*FIGURES, *((name, 1.0, name) for name in accuracy_names(entry.result for entry in entries))]
    for label, unit, name in names:
        values = [_number(entry.result, name, unit) for entry in entries]
        rows.append((label, *map(_in_words, values)))
    rows.append(("machine", *(entry.result.environment.cpu for entry in entries)))
    table(["", *(cell_name(entry.result) for entry in entries)], rows)
