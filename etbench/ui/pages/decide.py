"""The Decide tab: what to ship, with bounds as sliders; the answer changes as they are dragged."""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nicegui import ui

from etbench.results.decision.across_models import Front, across_models
from etbench.results.decision.decide import Answer, decide
from etbench.results.decision.figures import ACCURACY, figure
from etbench.results.decision.rules import ALIASES, Rules, declared
from etbench.results.decision.words import decision_table, front_in_words, headline, remarks
from etbench.results.schema import Result
from etbench.results.tables.metrics import METRIC
from etbench.ui.faults import noting_faults
from etbench.ui.library import LOOK_EVERY_S, Library
from etbench.ui.pages.frame import CommandLine, card, offer_options, page_frame, table, words
from etbench.ui.pages.latest import Latest

__all__ = ["build", "decide_command"]


@dataclass(frozen=True)
class Limit:
    """A bound that a slider sets; at one end of it there is no bound.

    Args:
        name: of the figure.
        title: of the slider.
        sign: of the bound.
        unit: of its values.
        per_unit: a unit in that of the figure.
        most: the largest value; None for the largest one of the results.
        start: the value at first; None for no bound.
        suffix: what the bound is relative to.

    """

    name: str
    title: str
    sign: str
    unit: str
    per_unit: float = 1.0
    most: float | None = None
    start: float | None = None
    suffix: str = ""

    def text(self, value: float) -> str:
        """Return the bound in the grammar of `etbench decide`."""
        return f"{self.sign}{value:g}{self.unit}{self.suffix}"

    def in_words(self, value: float) -> str:
        """Return the bound for a reader."""
        if self.suffix:
            return f"at most {value:g} points"
        return f"{'at least' if self.is_minimum else 'at most'} {value:g} {self.unit}"

    @property
    def is_minimum(self) -> bool:
        """Whether it is a minimum, and 0 means no bound; else the largest value does."""
        return self.sign == ">="


LIMITS = (
    Limit(f"{ACCURACY}*", "Loss of accuracy against fp32", ">=-", "pp", most=10, start=1, suffix=" vs fp32"),
    Limit("sqnr_db", "SQNR against eager fp32", ">=", "dB", most=60, start=None),
    Limit("pte_bytes", "Size", "<=", "MB", per_unit=1e6),
    Limit("peak_memory_bytes", "Peak memory", "<=", "MB", per_unit=1e6),
    Limit(METRIC, "Median latency", "<=", "ms"),
)


def build(library: Library) -> None:
    """Build the page for one browser tab."""
    with page_frame("Decide"), ui.column().classes("w-full gap-4"):
        shown = _Decide(library)

    async def look() -> None:
        """Show new files."""
        if shown.version != await asyncio.to_thread(library.look):
            shown.offer()
            await shown.show()

    ui.timer(LOOK_EVERY_S, look)


class _Slider:
    """A slider for one bound, with the bound in words beside it."""

    def __init__(self, limit: Limit, on_change: Any) -> None:
        self.limit = limit
        self.most = limit.most or 1.0
        with ui.column().classes("gap-0 w-full"):
            with ui.row().classes("w-full justify-between text-sm"):
                ui.label(limit.title)
                self.label = ui.label().classes("eb-quiet")
            self.slider = ui.slider(min=0, max=self.most, step=self.most / 100, value=self._start())
            self.slider.props(f'aria-label="{limit.title}"')
            self.slider.on("update:model-value", on_change, throttle=0.2)
        self.write()

    def _start(self) -> float:
        if self.limit.start is not None:
            return self.limit.start
        return 0.0 if self.limit.is_minimum else self.most

    @property
    def value(self) -> float | None:
        """The limit; None at the end of the slider that means no bound."""
        value = round(float(self.slider.value), 4)
        open_end = value <= 0 if self.limit.is_minimum else value >= self.most
        return None if open_end else value

    @property
    def bound(self) -> str | None:
        """The bound as `etbench decide` writes it, or None."""
        return None if self.value is None else self.limit.text(self.value)

    def fit(self, results: Sequence[Result]) -> None:
        """Let the slider reach the largest figure of the results."""
        values = [figure(result, self.limit.name) for result in results] if self.limit.most is None else []
        known = [value / self.limit.per_unit for value in values if value is not None]
        if known and (most := _round_up(max(known))) != self.most:
            at_end = self.value is None
            self.most = most
            self.slider.props(f"max={most} step={most / 100}")
            if at_end:
                self.slider.set_value(most)
        self.write()

    def write(self) -> None:
        """Write the bound beside the slider."""
        self.label.set_text("any" if self.value is None else self.limit.in_words(self.value))


class _Decide:
    """Folders, sliders, and the answer."""

    def __init__(self, library: Library) -> None:
        self.library = library
        self.version = -1
        with card("What must hold"):
            self.folders = ui.select([], label="Folders", multiple=True, value=[], on_change=self.show)
            self.folders.classes("w-full").props("outlined dense use-chips options-dense")
            with ui.element("div").classes("grid grid-cols-1 sm:grid-cols-2 gap-x-8 gap-y-2 w-full"):
                self.sliders = [_Slider(limit, self.show) for limit in LIMITS]
            self.command = CommandLine("Command line of this decision")
        with card("What to ship"):
            self.place = ui.column().classes("w-full gap-2")
        self.latest = Latest(self.place)

    def offer(self) -> None:
        """Offer the folders of the library; only the first folder is selected automatically."""
        self.version = self.library.version
        folders = self.library.folders()
        chosen = [name for name in self.folders.value if name in folders] or folders[:1]
        offer_options(self.folders, folders, chosen)

    async def show(self, *_: Any) -> None:
        """Decide by the bounds of the sliders, or show why that cannot be done."""
        with noting_faults(self.note_fault):
            await self._show()

    def note_fault(self, reason: str) -> None:
        """Explain why there is no answer."""
        self.place.clear()
        with self.place:
            words(f"This cannot be decided: {reason}")

    async def _show(self) -> None:
        wanted = self.latest.ask()
        entries = self.library.of(self.folders.value)
        results, files = [entry.result for entry in entries], [entry.path for entry in entries]
        for slider in self.sliders:
            slider.fit(results)
        bounds = {one.limit.name: one.bound for one in self.sliders if one.bound}
        self.command.set_text(decide_command(self.folders.value, bounds, results))
        rules = Rules.of(METRIC, bounds)
        answers, fronts = await asyncio.to_thread(partial(_decide, results, rules, files))
        if not wanted():
            return
        self.place.clear()
        with self.place:
            _put(answers, fronts)


def decide_command(folders: Sequence[str], bounds: Mapping[str, str], results: Sequence[Result]) -> str:
    """Return the command line with the same answer: by the median latency, and by these bounds alone."""
    words = ["etbench", "decide", *folders]
    objective, _ = declared([result.config for result in results])
    if ALIASES.get(str(objective), objective) != METRIC:
        words += ["--objective", METRIC]
    for bound in [name + text for name, text in bounds.items()] or ["none"]:
        words += ["--bound", bound]
    return shlex.join(words)


def _decide(
    results: Sequence[Result], rules: Rules, files: Sequence[Path]
) -> tuple[list[Answer], list[Front]]:
    answers = decide(results, rules, files=files)
    return answers, across_models(results, answers, files=files)


def _put(answers: Sequence[Answer], fronts: Sequence[Front]) -> None:
    """Show the answer of each model, and the front across models."""
    if not answers:
        words("Start a run on the Run tab; its results appear here automatically.")
        return
    ui.label(headline(answers)).classes("text-base font-medium").props('role="status"')
    table(*decision_table(answers))
    notes, about_models = remarks(answers)
    for line in (*notes, *about_models):
        words(line)
    for front in fronts:
        shown = front_in_words(front)
        words(shown.text)
        table(shown.columns, shown.rows)
        for line in shown.beaten:
            words(line)


def _round_up(value: float) -> float:
    """Return a round number that is at least as large."""
    step = 10.0 ** max(0, len(str(int(value))) - 2)
    return float(step * (int(value / step) + 1))
