"""The remarks below a table of results: in full for a single cell, one line per kind for many."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple, TypeVar

from rich.console import Console
from rich.text import Text

from etbench.artifact import Artifact, Delegation
from etbench.artifact.cost_words import cost_words
from etbench.artifact.quantized_words import mixed_words, quantized_words
from etbench.events.failure import Failure
from etbench.measure.pass_results import Profile
from etbench.results.checks import TITLES, findings_across
from etbench.results.operator_summary import summarize_operators
from etbench.results.schema import SEVERITIES, Finding, Result, Severity
from etbench.results.tables.sizes import sizes_of
from etbench.stats.layers import Layer, Numerics
from etbench.terminal.accuracy import evaluated_words
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import print_line, say
from etbench.terminal.summary_table import half_width_cell, significant, words_of_parity
from etbench.text import and_more, counted, share_cell

__all__ = ["finding_lines", "listed", "print_details", "print_kinds"]

NAMED = 3
MOST_OPERATORS = 10
WHERE = "see the report"
LAYER_WORDS = (
    "alone: SQNR of the model's output if only this layer is converted; own: SQNR of the layer's output if "
    "it is fed with fp32 values; cumulative: with all layers before it converted"
)
COLORS: dict[Severity, str] = {"error": "bold red", "warning": "yellow", "note": "dim"}

Kind = TypeVar("Kind", bound=Hashable)


class _Remark(NamedTuple):
    style: str
    lead: str
    rest: str

    @property
    def text(self) -> Text:
        """The remark with its lead in color."""
        return Text.assemble((self.lead, self.style), self.rest)


def listed(names: Sequence[str]) -> str:
    """List a few cells, and count the others."""
    return and_more(names, NAMED)


def print_kinds(results: Sequence[Result], names: Sequence[str], console: Console) -> None:
    """Print one line for each kind of failure and warning among many cells."""
    for remark in (*_without_figures(results, names), *_bases(results, names)):
        print_line(remark.text, console)
    for remark in _findings(results, names):
        say(console, remark.text)
    if profiled := _those(results, names, lambda result: result.profile is not None):
        say(console, Text(f"operators of {listed(profiled)}: {WHERE}, or profile.csv"))
    if sized := _those(results, names, lambda result: bool(result.parity_at_other_sizes)):
        say(console, Text(f"sizes of {listed(sized)}: {WHERE}, or sizes.csv"))
    if layers := _those(results, names, lambda result: _numerics(result) is not None):
        say(console, Text(f"layers of {listed(layers)} compared with fp32: see the result files"))


def _without_figures(results: Sequence[Result], names: Sequence[str]) -> Iterator[_Remark]:
    for (stage, message), cells in _kinds(results, names, _failure).items():
        yield _Remark("red", _counted(cells, "failed"), f" at stage {stage}: {listed(cells)}: {message}")
    for (status, reason), cells in _kinds(results, names, _left_out).items():
        yield _Remark("yellow", _counted(cells, status), f": {listed(cells)}: {reason}")


def _findings(results: Sequence[Result], names: Sequence[str]) -> Iterator[_Remark]:
    """Name the cells of each finding, the worst first, with its message, or its title if they differ."""
    found: dict[tuple[Severity, str], list[tuple[str, Finding]]] = defaultdict(list)
    for result, name in zip(results, names, strict=True):
        for finding in result.findings or []:
            found[finding.severity, finding.code].append((name, finding))
    for severity, code in sorted(found, key=lambda kind: SEVERITIES.index(kind[0])):
        cells = [name for name, _ in found[severity, code]]
        messages = {finding.message for _, finding in found[severity, code]}
        said = messages.pop() if len(messages) == 1 else TITLES.get(code, WHERE)
        lead = _lead(found[severity, code][0][1])
        yield _Remark(COLORS[severity], f"{lead}, {_counted(cells)}", f": {listed(cells)}: {said}")
    for finding in findings_across(list(zip(names, results, strict=True))):
        yield _Remark(COLORS[finding.severity], _lead(finding), f": {finding.message}")


def finding_lines(results: Sequence[Result], names: Sequence[str]) -> list[str]:
    """Return one line for each kind of finding among these cells, the worst first."""
    return [f"{remark.lead}{remark.rest}" for remark in _findings(results, names)]


def _lead(finding: Finding) -> str:
    return f"{finding.kind} {finding.code}"


def _bases(results: Sequence[Result], names: Sequence[str]) -> Iterator[_Remark]:
    for (folder, program), cells in _kinds(results, names, _base).items():
        yield _Remark("dim", f"baseline of {_counted(cells)}", f": {listed(cells)}: {folder}, {program}")


def _kinds(
    results: Sequence[Result], names: Sequence[str], kind: Callable[[Result], Kind | None]
) -> dict[Kind, list[str]]:
    """Return the names of the cells of each kind, in the order of the first."""
    found: dict[Kind, list[str]] = defaultdict(list)
    for result, name in zip(results, names, strict=True):
        if (key := kind(result)) is not None:
            found[key].append(name)
    return found


def _those(results: Sequence[Result], names: Sequence[str], has: Callable[[Result], bool]) -> list[str]:
    return [name for result, name in zip(results, names, strict=True) if has(result)]


def _counted(cells: Sequence[str], what: str = "") -> str:
    return f"{counted(len(cells), 'cell')} {what}".rstrip()


def _failure(result: Result) -> tuple[str, str] | None:
    failure = result.failure
    return (failure.stage, _words(failure)) if failure else None


def _words(failure: Failure) -> str:
    """Return the first line of the message, the line of the user's code and the hint, each on its line."""
    where = f"\n  at {failure.where}" if failure.where else ""
    hint = f"\n  hint: {failure.hint}" if failure.hint else ""
    rest = " … (see the result file for the full message and the traceback)"
    return f"{failure.first_line}{rest if len(failure.message.splitlines()) > 1 else ''}{where}{hint}"


def _left_out(result: Result) -> tuple[str, str] | None:
    return (result.status, result.reason) if result.status in ("skipped", "built") else None


def _base(result: Result) -> tuple[str, str] | None:
    base = result.in_turn
    return (str(Path(base.base_file).parent), base.base_program) if base else None


def _numerics(result: Result) -> Numerics | None:
    return result.artifact.numerics if result.artifact else None


def print_details(result: Result, name: str, console: Console) -> None:
    """Print all remarks about a single cell."""
    for remark in _details(result, name):
        print_line(remark.text, console)
    if result.parity_at_other_sizes:
        _print_sizes(name, result, console)
    if (numerics := _numerics(result)) is not None:
        _print_layers(name, numerics, console)
    if result.profile is not None:
        _print_operators(name, result.profile, console)


def _details(result: Result, name: str) -> Iterator[_Remark]:
    if failure := result.failure:
        yield _Remark("red", "failed", f" {name} at stage {failure.stage}: {_words(failure)}")
    elif result.status in ("skipped", "built"):
        built = f"\n  {_built(result.artifact, result.delegation)}" if result.artifact else ""
        yield _Remark("yellow", result.status, f" {name}: {result.reason}{built}")
    for finding in result.findings or []:
        cure = f"\n  hint: {finding.cure}" if finding.cure else ""
        yield _Remark(COLORS[finding.severity], _lead(finding), f" {name}: {finding.message}{cure}")
    if result.in_turn:
        yield _Remark(
            "dim", f"baseline of {name}", f": {result.in_turn.base_file}, {result.in_turn.base_program}"
        )
    if result.artifact and result.artifact.memory_format == "channels_last":
        yield _Remark("default", "memory format", f" of {name}: channels last")
    if result.artifact and (quantized := result.artifact.quantized):
        yield _Remark("default", "quantized", f" of {name}: {quantized_words(quantized)}")
    if result.artifact and (mixed := result.artifact.mixed):
        yield _Remark("default", "mixed", f" of {name}: {mixed_words(mixed)}")
    if result.artifact and (cost := result.artifact.cost):
        yield _Remark("default", "cost", f" of {name}: {cost_words(cost)}")
    if result.evaluation is not None:
        yield _Remark("default", f"evaluation of {name}", f": {evaluated_words(result)}")


def _built(artifact: Artifact, delegation: Delegation | None) -> str:
    size = f"{artifact.pte_bytes / 1e6:.1f} MB"
    if delegation is None:
        return size
    taken = f"{delegation.delegated_nodes} of {delegation.total_nodes} operators delegated"
    return f"{size}, {taken} in {delegation.subgraphs} subgraphs"


def _print_operators(name: str, profile: Profile, console: Console) -> None:
    total = f"{significant(profile.execute_ms)} ms with the profiler on"
    say(console, Text(f"{name}: time by kind of operator, of {total}"))
    columns = [
        *(Column("operators", wraps=True), Column("n", rank=1), Column("portable", rank=2), Column("ms")),
        *(Column("share"), Column("together", rank=3), Column("GFLOP/s", rank=2)),
    ]
    rows = (
        (
            *(one.name, str(one.count or ""), str(one.portable or ""), significant(one.mean_ms)),
            *map(share_cell, (one.share, one.cumulative)),
            significant(one.gflops_per_s) if one.gflops_per_s else "",
        )
        for one in summarize_operators(profile)[:MOST_OPERATORS]
    )
    print_table(console, columns, rows)


def _print_sizes(name: str, result: Result, console: Console) -> None:
    say(console, Text(f"{name}: sizes of the inputs"))
    columns = [
        *(Column("inputs", wraps=True), Column("p50 ms"), Column("± %", rank=1)),
        *(Column("n", rank=2), Column("parity dB")),
    ]
    rows = (
        (
            one.inputs,
            significant(one.latency.p50 if one.latency else None),
            half_width_cell(one.latency),
            str(one.samples or "-"),
            words_of_parity(one.parity),
        )
        for one in sizes_of(result) or []
    )
    print_table(console, columns, rows)


def _print_layers(name: str, numerics: Numerics, console: Console) -> None:
    columns = [
        *(Column("layer", wraps=True), Column("kind", rank=1, left=True)),
        *(Column("alone dB"), Column("own dB"), Column("cumulative dB", rank=2)),
    ]
    rows = [
        (
            layer.name,
            layer.kind,
            *(_decibels(layer, db) for db in (layer.alone_db, layer.own_db, layer.sqnr_db)),
        )
        for layer in numerics.worst
    ]
    if rows:
        compared = f"of {numerics.compared} compared"
        say(console, Text(f"layers of {name} that cost the most accuracy, {compared}"))
        print_table(console, columns, rows)
        say(console, Text(LAYER_WORDS, style="dim"))
    if numerics.note:
        say(console, Text(f"layers of {name}: {numerics.note}"))


def _decibels(layer: Layer, value: float | None) -> str:
    if value is not None:
        return f"{value:.1f}"
    return "-" if layer.finite else "not finite"
