"""What a run says on the terminal: stages with their times, then a table."""

from __future__ import annotations

import math
from collections.abc import Iterable
from time import monotonic

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from etbench.build.artifact import Artifact
from etbench.events import Event
from etbench.measure.protocol import seconds_text
from etbench.results.schema import CellComparison, Result
from etbench.stats.layers import Numerics
from etbench.stats.summary import LatencyMs

__all__ = ["ConsoleLog", "plain_console", "print_comparison", "print_summary", "summary_line"]

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
    "inspect": "taking load, memory, energy",
    "time": "timing",
}


TELL_EVERY_S = 10.0


class ConsoleLog:
    """Prints events: on a terminal with a spinner for the running stage, else one plain line each.

    Args:
        console: standard error if not given.
        many: the events are of many cells at once, so each line names its cell.

    """

    def __init__(self, console: Console | None = None, *, many: bool = False) -> None:
        self.console = console or Console(stderr=True, highlight=False, soft_wrap=True)
        self._many = many
        self._status = self.console.status("") if self.console.is_terminal and not many else None
        self._told: dict[str, float] = {}

    def __call__(self, event: Event) -> None:
        """Print one event."""
        words = STAGE_WORDS.get(event.stage, "")
        took = seconds_text(event.seconds or 0.0)
        match event.kind:
            case "cell_started" if not self._many:
                self.console.print(f"[bold]{escape(event.cell)}[/bold] [dim]({event.message})[/dim]")
            case "stage_started" if words and self._status:
                self._status.update(f"  {words} …")
                self._status.start()
            case "stage_finished" if words:
                self._line(event, f"{words:<32} [dim]{took:>9}[/dim]")
            case "program_ready" if event.message != "built":
                self._line(event, f"program {escape(event.message)}")
            case "progress":
                self._line(event, f"[dim]{escape(event.message)}[/dim]", ends_stage=False)
            case "round":
                self._round(event)
            case "cell_finished":
                color = {"ok": "green", "failed": "red"}.get(event.status, "yellow")
                self._line(event, f"[{color}]{event.status}[/{color}] in {took}: {escape(event.message)}")

    def close(self) -> None:
        """Stop the spinner, which hides the cursor, where the run ends in the middle of a stage."""
        if self._status:
            self._status.stop()

    def _line(self, event: Event, text: str, *, ends_stage: bool = True) -> None:
        if self._status and ends_stage:
            self._status.stop()
        self.console.print(f"{escape(event.cell)}: {text}" if self._many else f"  {text}")

    def _round(self, event: Event) -> None:
        """Tell of rounds in the spinner; without one only from time to time."""
        text = f"timing: {event.done} of {event.of} rounds, {event.p50_ms:.3g} ms"
        if self._status:
            self._status.update(f"  {text} …")
            return
        now = monotonic()
        if now - self._told.setdefault(event.cell, now) > TELL_EVERY_S:
            self._told[event.cell] = now
            self._line(event, f"[dim]{text}[/dim]")


def plain_console() -> Console:
    """Return a console for standard output that folds no table when it goes into a pipe."""
    console = Console(highlight=False, soft_wrap=True)
    if not console.is_terminal:
        console.width = max(console.width, 150)
    return console


def print_summary(results: Iterable[Result], console: Console | None = None) -> None:
    """Print a table of the results, and why the failed and skipped ones have no figures."""
    results = list(results)
    console = console or plain_console()
    table = Table(
        title="p50 … load in ms, ± of the median over rounds; size in MB; parity is SQNR against eager fp32"
    )
    table.add_column("cell", no_wrap=True)
    for name in ("p50", "±95 %", "mean", "p95", "min", "max", "std", "n", "size", "load", "parity"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        if result.latency_ms is not None:
            table.add_row(*_row(result))
    if table.row_count:
        console.print(table)
    if any(result.generated for result in results):
        console.print(_language_models(results))
    for result in results:
        _explain(result, console)
    for result in results:
        if result.profile is not None:
            console.print(_operators(result))


def summary_line(result: Result) -> str:
    """Say of a measured cell how sure its latency is, its size, parity and stability."""
    parts = []
    if result.latency_ms is not None:
        parts.append(f"±{_half_width(result.latency_ms)}")
    if result.artifact is not None:
        parts.append(f"{result.artifact.pte_bytes / 1e6:.1f} MB")
    parts.append(f"parity {_parity(result)}")
    if result.stability is not None:
        parts.append(result.stability.verdict)
    return ", ".join(parts)


def print_comparison(cells: Iterable[CellComparison], console: Console | None = None) -> None:
    """Print a table of compared cells, and what would settle the inconclusive ones."""
    console = console or plain_console()
    cells = list(cells)
    table = Table(title="median of round medians in ms; ratio is new / base, with its 95 % interval")
    table.add_column("cell", no_wrap=True)
    for name in ("base", "new", "ratio", "95 %"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    colors = {"faster": "green", "slower": "red", "same": "dim"}
    for cell in cells:
        color = colors.get(cell.verdict, "yellow")
        verdict = f"[{color}]{cell.verdict}[/{color}]" + (", a regression" if cell.regression else "")
        interval = f"{cell.low:.3f} to {cell.high:.3f}" if cell.low is not None else "none"
        figures = (_significant(cell.base_ms), _significant(cell.new_ms), f"{cell.ratio:.3f}", interval)
        table.add_row(escape(cell.name), *figures, verdict)
    console.print(table)
    for cell in cells:
        if cell.advice:
            told = escape(f"{cell.name}, {cell.how}: {cell.advice}")
            console.print(f"[yellow]{cell.verdict}[/yellow] {told}")


def _operators(result: Result, most: int = 10) -> Table:
    profile = result.profile
    assert profile is not None
    total = f"{_significant(profile.execute_ms)} ms with the profiler on"
    table = Table(title=f"{_name(result)}: where the time goes, of {total}")
    table.add_column("operator")
    table.add_column("kind", no_wrap=True)
    for name in ("ms", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    for one in profile.top(most):
        share = "?" if one.share is None else f"{one.share:.1%}"
        table.add_row(escape(one.name), escape(one.kind), _significant(one.mean_ms), share)
    return table


def _row(result: Result) -> list[str]:
    latency = result.latency_ms
    assert latency is not None and result.artifact is not None
    figures = (latency.avg, latency.p95, latency.min, latency.max, latency.std_dev)
    return [
        _name(result),
        _significant(latency.p50),
        _half_width(latency),
        *(_significant(value) for value in figures),
        f"{result.repeat}{'*' if result.truncated else ''}",
        f"{result.artifact.pte_bytes / 1e6:.1f}",
        _significant(result.load_ms or 0.0),
        _parity(result),
    ]


def _language_models(results: Iterable[Result]) -> Table:
    table = Table(
        title="language models; p50 above is of one more token; equal: tokens that eager fp32 writes too"
    )
    table.add_column("cell", no_wrap=True)
    for name in ("prompt", "new", "first token ms", "prefill tokens/s", "decode tokens/s", "equal"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        speed, lengths = result.generated, result.artifact and result.artifact.generation
        if speed is None or not lengths:
            continue
        agreement = result.parity.token_agreement if result.parity else None
        table.add_row(
            _name(result),
            str(lengths.prompt_tokens),
            str(lengths.new_tokens),
            _significant(speed.time_to_first_token_ms),
            _significant(speed.prefill_tokens_per_s),
            _significant(speed.decode_tokens_per_s),
            "-" if agreement is None else f"{agreement:.1%}",
        )
    return table


def _explain(result: Result, console: Console) -> None:
    name = _name(result)
    if result.failure is not None:
        failure = result.failure
        first, *more = failure.message.splitlines() or [failure.kind]
        rest = " … (all of it, and the traceback, in the result file)" if more else ""
        console.print(f"[red]failed[/red] {name} at stage {failure.stage}: {escape(first)}{rest}")
        if failure.hint:
            console.print(f"  hint: {escape(failure.hint)}")
    elif result.status in ("skipped", "built"):
        console.print(f"[yellow]{result.status}[/yellow] {name}: {escape(result.reason)}")
    if result.status == "built" and result.artifact is not None:
        console.print(f"  {_built(result.artifact)}")
    if result.artifact is not None and result.artifact.numerics is not None:
        _print_layers(name, result.artifact.numerics, console)
    if result.truncated:
        console.print(
            f"* {name}: {result.repeat} of {result.requested.runs} runs fitted "
            f"repeat.max_seconds={result.requested.max_seconds:g}"
        )
    if result.stability is not None and result.stability.verdict in ("noisy", "unstable"):
        reasons = escape("; ".join(result.stability.reasons))
        console.print(f"[yellow]{result.stability.verdict}[/yellow] {name}: {reasons}")
    if result.in_turn is not None:
        base = escape(f"{result.in_turn.base_file}, {result.in_turn.base_program}")
        console.print(f"base of {name}: {base}")
        print_comparison([result.in_turn.comparison], console)
    if result.evaluation is not None:
        figures = ", ".join(f"{key} {value:.4g}" for key, value in _finite(result.evaluation).items())
        console.print(f"evaluation of {name}: {escape(figures) or 'no figures'}")
    if result.parity is not None and result.parity.note:
        console.print(f"[bold yellow]parity[/bold yellow] {name}: {escape(result.parity.note)}")


def _finite(figures: dict[str, float | None]) -> dict[str, float]:
    return {key: math.nan if value is None else value for key, value in figures.items()}


def _built(artifact: Artifact) -> str:
    delegation = artifact.delegation
    taken = f"{delegation.delegated_nodes} of {delegation.total_nodes} operators delegated"
    return f"{artifact.pte_bytes / 1e6:.1f} MB, {taken} in {delegation.subgraphs} subgraphs"


def _print_layers(name: str, numerics: Numerics, console: Console) -> None:
    table = Table(title=f"layers of {name} that are farthest from fp32, of {numerics.compared} compared")
    table.add_column("layer", no_wrap=True)
    table.add_column("kind", no_wrap=True)
    table.add_column("SQNR", justify="right", no_wrap=True)
    for layer in numerics.worst:
        sqnr = "not finite" if layer.sqnr_db is None else f"{layer.sqnr_db:.1f} dB"
        table.add_row(escape(layer.name), escape(layer.kind), sqnr)
    if numerics.worst:
        console.print(table)
    if numerics.note:
        console.print(f"layers of {name}: {escape(numerics.note)}")


def _half_width(latency: LatencyMs) -> str:
    if latency.p50_ci95_low is None or latency.p50_ci95_high is None:
        return "?"
    return f"{math.log(latency.p50_ci95_high / latency.p50_ci95_low) / 2:.1%}"


def _parity(result: Result) -> str:
    parity = result.parity
    if parity is None or parity.degenerate:
        return "n/a"
    if parity.exact:
        return "exact"
    return "nan" if parity.sqnr_db is None else f"{parity.sqnr_db:.1f} dB"


def _name(result: Result) -> str:
    """Name a cell; other tools give names, such as ``conv[/int8]``, that rich would take for markup."""
    return escape(f"{result.model_name} {result.precision_short} {result.delegate}")


def _significant(value: float | None) -> str:
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"
