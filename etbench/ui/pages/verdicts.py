"""Two folders of results, judged cell by cell as `etbench compare` does."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from nicegui import ui

from etbench.errors import EtbenchError
from etbench.results.charts.waterfall import waterfall
from etbench.results.comparison.compare import Comparison, compare_results
from etbench.results.comparison.conditions import OtherConditionsError
from etbench.results.comparison.formats import beside_the_table
from etbench.results.comparison.outcome import decision_counts, family_rule
from etbench.results.comparison.pairing import pair_results
from etbench.results.diff.difference import difference_of
from etbench.results.diff.profiled import stored
from etbench.results.diff.words import answer
from etbench.results.schema import Result
from etbench.ui.faults import Fault, attempt
from etbench.ui.figures import inline_svg
from etbench.ui.library import Library
from etbench.ui.pages.frame import figure, offer_options, table, words
from etbench.ui.pages.latest import Latest

__all__ = ["Verdicts"]

THRESHOLD = 0.05
WATERFALLS = 4  # that are drawn
ALLOWED = ("versions", "settings")  # two machines are never in one ratio


class Verdicts:
    """Lets the user choose baseline and new results, and shows what became faster or slower."""

    def __init__(self, library: Library) -> None:
        self.library = library
        with ui.element("div").classes("grid grid-cols-1 sm:grid-cols-2 gap-3"):
            self.base, self.new = (
                ui.select([], label=label, on_change=self.show)
                .classes("w-full")
                .props("outlined dense options-dense")
                for label in ("Baseline", "New")
            )
        self.across = ui.checkbox(
            "Include results of other versions, threads or runners", on_change=self.show
        )
        self.place = ui.column().classes("w-full gap-2")
        self.latest = Latest(self.place)
        with self.place:
            words("Choose the baseline and the new folder.")

    def offer(self) -> None:
        """Offer the folders of the library."""
        folders = self.library.folders()
        for select in (self.base, self.new):
            offer_options(select, folders, select.value if select.value in folders else None)

    async def show(self, *_: Any) -> None:
        """Compare the chosen folders."""
        wanted = self.latest.ask()
        if not self.base.value or not self.new.value:
            return
        base, new = (self.library.results([str(one.value)]) for one in (self.base, self.new))
        across = self.across.value is True
        found = await asyncio.to_thread(attempt, _compared, base, new, across)
        whys = await asyncio.to_thread(attempt, _whys, base, new)
        if not wanted():
            return
        self.place.clear()
        with self.place:
            if isinstance(found, Comparison):
                _put(found)
                _put_whys(whys)
            elif isinstance(found, Fault):
                words(f"They cannot be compared: {found.reason}")
            else:
                ui.label(found).classes("text-sm whitespace-pre-line")


def _compared(base: Sequence[Result], new: Sequence[Result], across: bool) -> Comparison | str:
    """Return the verdicts, or the reason why there are none."""
    try:
        return compare_results(base, new, threshold=THRESHOLD, across=ALLOWED if across else ())
    except OtherConditionsError as error:
        allowed = set(error.kinds) <= set(ALLOWED)
        return f"{error.listed}\ntick the box to compare them anyway" if allowed else error.listed
    except EtbenchError as error:
        return str(error.message)


def _whys(base: Sequence[Result], new: Sequence[Result]) -> list[tuple[str, str]]:
    """Return a sentence and a waterfall for each of the first cells that were profiled on both sides."""
    shown: list[tuple[str, str]] = []
    for old, fresh in pair_results(base, new).pairs:
        both = stored(old), stored(fresh)
        if both[0] is not None and both[1] is not None and len(shown) < WATERFALLS:
            found = difference_of(old, fresh, (both[0], both[1]), how="")
            shown.append((answer(found), inline_svg(waterfall(found), "waterfall")))
    return shown


def _put_whys(whys: list[tuple[str, str]] | Fault) -> None:
    """Show where the differences of profiled cells lie."""
    if isinstance(whys, Fault):
        words(f"Where the differences lie cannot be shown: {whys.reason}")
        return
    for said, svg in whys:
        figure(svg, f"Where the difference lies: {said}")


def _put(found: Comparison) -> None:
    """Show what the comparison amounts to, the cells, and what the table does not have."""
    words(f"{found.outcome().heading.capitalize()}: {decision_counts(found.cells)}.")
    rows = [
        (
            cell.name,
            cell.decision,
            cell.words,
            f"{cell.base_ms:.4g}",
            f"{cell.new_ms:.4g}",
            f"{cell.ratio:.3f}",
            cell.interval,
        )
        for cell in found.cells
    ]
    table(["cell", "decision", "verdict", "baseline ms", "new ms", "ratio", "95 %"], rows, numbers=4)
    if rule := family_rule(found.cells):
        words(f"{rule}.")
    for line in beside_the_table(found):
        words(line)
    if any(cell.how == "separate runs" and cell.decision == "undecided" for cell in found.cells):
        words("Separate runs differ by the drift of the machine; compare_to= interleaves the two programs.")
