"""The Inspect tab: all details of one result."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from itertools import zip_longest
from typing import Any

import msgspec
from nicegui import ui

from etbench.artifact import Artifact
from etbench.artifact.cost_words import cost_words
from etbench.artifact.quantized_words import mixed_words, quantized_words
from etbench.config.command import shell_words
from etbench.preflight.doctor import describe
from etbench.results import charts
from etbench.results.comparison.pairing import cell_name
from etbench.results.operator_summary import summarize_operators
from etbench.results.schema import Result
from etbench.results.tables.rounds import round_table
from etbench.stats.parity import OutputParity, Parity
from etbench.text import counted, seconds_text, shape_text, share_cell
from etbench.ui.faults import Fault, attempt, noting_faults
from etbench.ui.figures import inline_svg
from etbench.ui.library import LOOK_EVERY_S, Entry, Library
from etbench.ui.pages.frame import (
    cannot_be_shown,
    card,
    facts,
    figure,
    inspect_address,
    offer_file,
    page_frame,
    table,
    words,
)
from etbench.ui.pages.latest import Latest
from etbench.ui.pages.measured import measured_facts

__all__ = ["build"]

OPERATORS = 15
RAW_CHARACTERS = 100_000  # a million takes half a second to highlight, and nobody gets an answer meanwhile


def build(library: Library, asked: str) -> None:
    """Build the page for one browser tab; results are added later, since reading them takes seconds.

    Args:
        library: the results.
        asked: the key of one of them, from the address; any other text is ignored.

    """
    with page_frame("Inspect"), ui.column().classes("w-full gap-4"):
        shown = _Inspect(library, asked)
    ui.timer(LOOK_EVERY_S, shown.look)


class _Inspect:
    """The choice of a result, and its details."""

    def __init__(self, library: Library, asked: str) -> None:
        self.library = library
        self.asked = asked
        self.version = -1
        with card("Result"):
            self.choice = ui.select({}, label="Result file", with_input=True, on_change=self.show)
            self.choice.classes("w-full").props("outlined dense options-dense")
        self.place = ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-4 items-start w-full")
        self.latest = Latest(self.place)
        with self.place:
            words("Reading the results …")

    async def look(self) -> None:
        """Offer new files; the result that is shown stays."""
        if self.version == await asyncio.to_thread(self.library.look):
            return
        self.version = self.library.version
        options = _options(self.library)
        wanted = self.asked if self.asked in options else self.choice.value
        if wanted == self.asked:
            self.asked = ""  # from now on, the user's choice stays
        self.choice.set_options(options, value=wanted if wanted in options else next(iter(options), None))
        if not options:
            await self.show()

    async def show(self, *_: Any) -> None:
        """Show the chosen result."""
        wanted = self.latest.ask()
        entry = self.library.entries.get(str(self.choice.value))
        drawn = await asyncio.to_thread(attempt, _draw, entry.result) if entry else None
        if not wanted():
            return
        self.place.clear()
        if entry:
            ui.navigate.history.replace(inspect_address(entry.key))  # for a reload or a bookmark
        with self.place:
            if entry:
                with noting_faults(partial(cannot_be_shown, "A part of this result")):
                    _put(entry, drawn)
            elif not self.library.entries:
                with card("No results yet"):
                    words("Start a run on the Run tab, or name folders with --results.")


def _options(library: Library) -> dict[str, str]:
    entries = sorted(library.entries.values(), key=lambda entry: entry.result.created_at, reverse=True)
    return {entry.key: f"{entry.key} ({entry.result.status})" for entry in entries}


def _draw(result: Result) -> str | None:
    rounds = round_table([result])
    return None if rounds.empty else inline_svg(charts.round_boxes(rounds), "round_boxes")


def _put(entry: Entry, drawn: str | Fault | None) -> None:
    result = entry.result
    with ui.column().classes("w-full gap-4 min-w-0"):
        with card(cell_name(result)):
            facts(list(_headline(result)))
            name = f"{result.model_name}_{result.precision_short}_{result.delegate}.json"
            button = ui.button(name, icon="download", color=None).props("flat dense no-caps size=sm")
            button.classes("self-start")
            button.on_click(lambda: offer_file(entry.path, name))
        if measured := list(measured_facts(result)):
            with card("Measured"):
                facts(measured)
        with card("Where the time went"):
            table(["stage", "time"], [(n, seconds_text(s)) for n, s in result.stage_s.items()], numbers=1)
        with card("Environment"):
            facts(list(describe(result.environment)))
    with ui.column().classes("w-full gap-4 min-w-0"):
        if isinstance(drawn, Fault):
            cannot_be_shown("Distribution by round", drawn.reason)
        elif drawn:
            with card("Distribution by round"):
                figure(drawn, "Quartiles of the samples of each round; the numbers are in the JSON file")
        _program(result)
        with card("Raw"), ui.expansion("JSON").classes("w-full"):
            _raw(msgspec.json.format(msgspec.json.encode(result), indent=2).decode())


def _raw(text: str) -> None:
    """Show the JSON of a result, of a very long one the beginning."""
    if len(text) > RAW_CHARACTERS:
        words(f"The first {RAW_CHARACTERS:,} of {len(text):,} characters; the file has all of them.")
    ui.code(text[:RAW_CHARACTERS], language="json").classes("w-full max-h-96 overflow-auto text-xs")


def _headline(result: Result) -> Iterator[tuple[str, str]]:
    yield "status", result.status
    if result.failure is not None:
        yield "failed at", result.failure.stage
        yield "error", result.failure.message
        if result.failure.where:
            yield "at", result.failure.where
        if result.failure.hint:
            yield "hint", result.failure.hint
    if result.reason:
        yield "reason", result.reason
    latency = result.latency_ms
    if latency is not None:
        for name in ("p50", "avg", "min", "max"):
            value = getattr(latency, name)
            if value is not None:
                yield name, f"{value:.4g} ms"
        for name, bound in (("p95", latency.p95_bound), ("p99", latency.p99_bound)):
            if bound is not None:
                yield name, f"{getattr(latency, name):.4g} ms, at most {bound:.4g} ms (95 %)"
        if latency.p50_ci95_low is not None and latency.p50_ci95_high is not None:
            yield "95 % interval", f"{latency.p50_ci95_low:.4g} to {latency.p50_ci95_high:.4g} ms"
        yield "samples", f"{result.repeat} in {counted(len(result.rounds), 'round')}"
    if result.stability is not None:
        yield "stability", result.uncertain or result.stability.verdict
    for finding in result.findings or []:
        cure = f". {finding.cure}" if finding.cure else ""
        yield finding.kind, f"{finding.code}: {finding.message}{cure}"
    if result.parity is not None:
        parity = result.parity
        for number, one in enumerate(parity.outputs):
            yield f"parity of output {number}", _agreement(one)
        if not parity.outputs:
            yield "parity with eager fp32", _agreement(parity)
    if result.command:
        yield "command", shell_words(result.command)
    yield "weights", result.weights
    yield "measured", result.created_at


def _agreement(one: Parity | OutputParity) -> str:
    if one.exact:
        return "exact"
    if one.agreement is not None:
        return f"{one.agreement:.1%} of the elements are equal"
    return one.note or ("n/a" if one.sqnr_db is None else f"{one.sqnr_db:.1f} dB")


def _inputs(artifact: Artifact) -> Iterator[tuple[str, str]]:
    """Yield the inputs, with their names as far as they have any, and the constants of the program."""
    for name, spec in zip_longest(artifact.input_names, artifact.inputs):
        yield "input", " ".join(filter(None, (name, spec.dtype, shape_text(spec.shape))))
    for name, value in artifact.constants.items():
        yield "constant", f"{name} = {value}"


def _delegated(result: Result) -> Iterator[tuple[str, str]]:
    """Yield what was planned and delegated, which is only known of programs of ExecuTorch."""
    if result.planned_bytes is not None and result.delegation is not None:
        taken = result.delegation
        yield "planned memory", f"{result.planned_bytes / 1e6:.2f} MB"
        nodes = f"{taken.delegated_nodes} of {taken.total_nodes} operators"
        yield "delegated", f"{nodes}, in {counted(taken.subgraphs, 'subgraph')}"


def _program(result: Result) -> None:
    artifact = result.artifact
    if artifact is not None:
        with card("Program and delegation"):
            quantized = artifact.quantized
            facts(
                [
                    *_inputs(artifact),
                    *([("runtime", runtime)] if (runtime := result.environment.runtime_words) else []),
                    (".pte", f"{artifact.pte_bytes / 1e6:.2f} MB"),
                    *_delegated(result),
                    *([("quantized", quantized_words(quantized))] if quantized else []),
                    *([("mixed", mixed_words(artifact.mixed))] if artifact.mixed else []),
                    *([("cost", cost_words(artifact.cost))] if artifact.cost else []),
                ]
            )
            if result.delegation and result.delegation.left_behind:
                rows = list(result.delegation.left_behind.items())
                table(["left on portable kernels", "count"], rows[:OPERATORS], numbers=1)
                if len(rows) > OPERATORS:
                    words(f"and {counted(len(rows) - OPERATORS, 'more kind')} in the JSON file")
    if result.profile is not None:
        with card("Time by kind of operator"):
            kinds = [
                (
                    *(one.name, str(one.count or ""), f"{one.mean_ms:.4g}"),
                    *map(share_cell, (one.share, one.cumulative)),
                )
                for one in summarize_operators(result.profile)[:OPERATORS]
            ]
            table(["kind", "operators", "ms", "share", "together"], kinds, numbers=4)
        with card("Operators that take longest"):
            operators = [
                (one.name, one.kind, f"{one.mean_ms:.4g}", share_cell(one.share))
                for one in result.profile.top(OPERATORS)
            ]
            table(["operator", "kind", "ms", "share"], operators, numbers=2)
