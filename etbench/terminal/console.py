"""What a run prints on the terminal: stages with their times, then a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from time import monotonic

from rich.console import Console
from rich.text import Text

from etbench.events import Event
from etbench.results.comparison.interleaved import family_verdicts
from etbench.results.comparison.outcome import family_rule
from etbench.results.schema import CellComparison, Result
from etbench.terminal.accuracy import print_accuracy
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.remarks import listed, print_details, print_kinds
from etbench.terminal.streams import plain_console, print_line, progress_console, say
from etbench.terminal.summary_table import (
    STATES,
    Figure,
    half_width,
    names_of,
    parity_words,
    print_results,
    significant,
    usual_figures,
)
from etbench.text import seconds_text, share_cell

__all__ = ["STAGE_WORDS", "ConsoleLog", "print_comparison", "print_summary", "summary_line"]

STAGE_WORDS = {
    "import": "importing torch and ExecuTorch",
    "load": "loading the model",
    "reference": "running it eagerly in fp32",
    "export": "exporting",
    "quantize": "quantizing",
    "numerics": "comparing its layers with fp32",
    "lower": "lowering (the long part)",
    "write": "writing the .pte",
    "compile": "compiling the native runner",
    "start_runtime": "starting the runtime",
    "parity": "comparing with eager",
    "evaluate": "evaluating the accuracy",
    "inspect": "measuring load, memory, energy",
    "sizes": "timing other sizes",
    "time": "timing",
}
TELL_EVERY_S = 10.0


class ConsoleLog:
    """Prints the events of one cell: with a spinner on a terminal, otherwise one line per event.

    Args:
        console: standard error if not given.

    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or progress_console()
        self._status = self.console.status("") if self.console.is_terminal else None
        self._told = monotonic()

    def __call__(self, event: Event) -> None:
        """Print one event."""
        words = STAGE_WORDS.get(event.stage, "")
        took = seconds_text(event.seconds or 0.0)
        match event.kind:
            case "cell_started":
                about = f" {event.about}" if event.about else ""
                line = Text.assemble((event.cell, "bold"), " ", (f"({event.message})", "dim"), about)
                print_line(line, self.console)
            case "stage_started" if words and self._status:
                self._status.update(f"  {words} …")
                self._status.start()
            case "stage_finished" if words:
                self._line(f"{words:<32} ", (f"{took:>9}", "dim"))
            case "program_ready":
                if event.message != "built":
                    self._line(f"program {event.message}")
                if event.about:  # known only now
                    self._line(event.about)
            case "progress":
                self._line((event.message, "dim"), ends_stage=False)
            case "round":
                self._round(event)
            case "cell_finished":
                color = STATES.get(event.status, "yellow")
                self._line((event.status, color), f" in {took}: {event.message}")

    def close(self) -> None:
        """Stop the spinner, which hides the cursor, if the run ends in the middle of a stage."""
        if self._status:
            self._status.stop()

    def _line(self, *parts: str | tuple[str, str], ends_stage: bool = True) -> None:
        if self._status and ends_stage:
            self._status.stop()
        print_line(Text.assemble("  ", *parts), self.console)

    def _round(self, event: Event) -> None:
        """Show rounds in the spinner; without a spinner, print one line from time to time."""
        text = f"timing: {event.done} of {event.of} rounds, {event.p50_ms:.3g} ms"
        if self._status:
            self._status.update(f"  {text} …")
            return
        now = monotonic()
        if now - self._told > TELL_EVERY_S:
            self._told = now
            self._line((text, "dim"))


LEGEND = "±: 95 % interval of the median over rounds; parity: SQNR against eager fp32"
BOUND = "≤: with 95 % confidence, the true percentile is at most this"
SPEAKING = "p50 of a language model: one more token; equal: tokens that eager fp32 also generates"


def print_summary(
    results: Iterable[Result], console: Console | None = None, *, columns: Sequence[Figure] = ()
) -> None:
    """Print a table of the results and remarks about them: in full for one result, in short for many.

    Args:
        results: in the order of the rows.
        console: standard output if not given.
        columns: of the table; the default ones if not given.

    """
    results = list(results)
    console = console or plain_console()
    names = names_of(results)
    if len(results) > 1 or any(result.latency_ms for result in results):
        print_results(results, names, columns or usual_figures(results), console)
        if not columns:
            say(console, Text(LEGEND, style="dim"))
            if any(one.latency_ms and one.latency_ms.p95_bound for one in results):
                say(console, Text(BOUND, style="dim"))
            if any(result.generated for result in results):
                say(console, Text(SPEAKING, style="dim"))
    if len(results) == 1:
        print_details(results[0], names[0], console)
    else:
        print_kinds(results, names, console)
        print_accuracy(results, console)
    if compared := family_verdicts(results):
        print_comparison(compared, console)


def summary_line(result: Result) -> str:
    """Return the interval, size, parity and uncertainty of a measured cell as one line."""
    parts = []
    if result.latency_ms is not None:
        parts.append(f"±{share_cell(half_width(result.latency_ms))}")
    if result.artifact is not None:
        parts.append(f"{result.artifact.pte_bytes / 1e6:.1f} MB")
    parts.append(f"parity {_parity(result)}")
    if result.uncertain:
        parts.append(result.uncertain)
    return ", ".join(parts)


def _parity(result: Result) -> str:
    words = parity_words(result)
    return f"{words} dB" if words[-1].isdigit() else words


COMPARED = (
    Column("cell", wraps=True),
    *(Column("baseline ms", rank=2), Column("new ms", rank=1), Column("new / baseline"), Column("95 %")),
    Column("verdict", wraps=True),
)
VERDICTS = {"faster": "green", "slower": "red", "same": "dim"}


def print_comparison(cells: Iterable[CellComparison], console: Console | None = None) -> None:
    """Print a table of compared cells, the rule of their family, and what would decide the open ones."""
    console = console or plain_console()
    cells = list(cells)
    rule = ["median of round medians; ratio with its 95 % interval", family_rule(cells)]
    say(console, Text("\n".join(filter(None, rule)), style="dim"))
    print_table(console, COMPARED, map(_compared, cells), more="`--format json`")
    kinds: dict[tuple[str, str], list[CellComparison]] = defaultdict(list)
    for cell in cells:
        if cell.advice:
            kinds[cell.verdict, cell.how].append(cell)
    for (verdict, how), of_kind in kinds.items():
        first = " (for the first of them)" if len(of_kind) > 1 else ""
        line = f"{listed([cell.name for cell in of_kind])}, {how}: {of_kind[0].advice}{first}"
        print_line(Text.assemble((verdict, "yellow"), f" {line}"), console)


def _compared(cell: CellComparison) -> tuple[str | Text, ...]:
    verdict = Text(cell.words, style="default")
    verdict.stylize(VERDICTS.get(cell.verdict, "yellow"), 0, len(cell.verdict))
    figures = (significant(cell.base_ms), significant(cell.new_ms), f"{cell.ratio:.3f}", cell.interval)
    return cell.name, *figures, verdict
