"""The columns of the table of results: their names, their format, and which are left out first."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rich.console import Console
from rich.text import Text

from etbench.errors import EtbenchError, nearest
from etbench.results.schema import Result
from etbench.results.schema.names import cell_words
from etbench.results.tables import numbers
from etbench.results.tables.evaluation import PREFIX, is_accuracy, metric_named
from etbench.results.tables.metrics import COLUMNS, RAW
from etbench.stats.parity import Parity
from etbench.stats.summary import LatencyMs
from etbench.terminal.accuracy import accuracy_words
from etbench.terminal.fitting import Column, print_table

__all__ = [
    "FIGURES",
    "READ",
    "STATES",
    "Figure",
    "cells_of",
    "chosen_figures",
    "half_width",
    "half_width_cell",
    "names_of",
    "parity_words",
    "print_results",
    "read_column",
    "significant",
    "state_of",
    "usual_figures",
    "words_of_parity",
]

MORE = "`etbench show DIR --columns p50,mean`"
STATES = {
    "ok": "green",
    "failed": "red",
    "wrong": "red",
    "unstable": "yellow",
    "noisy": "yellow",
    "noisy tail": "yellow",
}
WORDS = {"cell", "state", *(column.name for column in COLUMNS if not column.better)}
READ = {column.name: column.read for column in COLUMNS if column.name not in RAW}


@dataclass(frozen=True)
class Figure:
    """A column of the table of results.

    Args:
        word: its name for `--columns` and `--sort`.
        names: of the columns of results.csv that it is made of.
        header: with the unit.
        text: writes it for the terminal.
        rank: see `etbench.terminal.fitting.Column`.
        value: the value to sort cells by; that of `names` if not given.
        wanted: returns for all results whether the default table has it.

    """

    word: str
    names: tuple[str, ...]
    header: str
    text: Callable[[Result], str | Text]
    rank: int = 0
    value: Callable[[Result], Any] | None = None
    wanted: Callable[[Sequence[Result]], bool] = lambda _: True

    @property
    def is_words(self) -> bool:
        """Whether it has words, which are left-aligned and wrap, not numbers."""
        return self.word in WORDS

    def key(self, result: Result) -> Any:
        """Return the value to sort cells by; None if a cell has none."""
        if self.value is not None:
            return self.value(result)
        read = tuple(read_column(result, name) for name in self.names)
        return read if len(read) > 1 else read[0]


def read_column(result: Result, name: str) -> Any:
    """Return the value of a column of results.csv; None if there is none."""
    column = metric_named(name)
    return column.read(result) if column else None


def significant(value: float | None) -> str:
    """Write a figure with three digits, or more before the point."""
    if value is None:
        return "-"
    return f"{value:.0f}" if value >= 1000 else f"{value:.3g}"


def half_width(latency: LatencyMs | None) -> float | None:
    """Return half of the 95 % interval of the median over the rounds, as a share; None without one."""
    return None if latency is None else numbers.half_width(latency.p50_ci95_low, latency.p50_ci95_high)


def half_width_cell(latency: LatencyMs | None) -> str:
    """Write half of that interval in percent; ``?`` if there is none, ``-`` if nothing was timed."""
    share = half_width(latency)
    if share is None:
        return "-" if latency is None else "?"
    return f"{100 * share:.1f}"


def parity_words(result: Result) -> str:
    """Write the parity of a result; see `words_of_parity`."""
    return words_of_parity(result.parity)


def words_of_parity(parity: Parity | None) -> str:
    """Write the SQNR in dB, the share of equal integers, or the word for its absence."""
    if parity is None or parity.degenerate:
        return "n/a"
    if parity.exact:
        return "exact"
    if parity.sqnr_db is None:
        return "nan" if parity.agreement is None else f"{parity.agreement:.1%}"
    return f"{parity.sqnr_db:.1f}"


def state_of(result: Result) -> str:
    """Return the status of a cell, or what of its latency is uncertain if it is ok."""
    return result.uncertain or result.status


def _state(result: Result) -> Text:
    state = state_of(result)
    return Text(state, style=STATES.get(state, "yellow"))


def _latency(field: str) -> Callable[[Result], str]:
    return lambda result: significant(getattr(result.latency_ms, field) if result.latency_ms else None)


def _number(name: str) -> Callable[[Result], str]:
    return lambda result: significant(READ[name](result))


def _tail(name: str) -> Callable[[Result], str]:
    """Return a writer of a percentile and its upper bound, for cells whose samples bound it."""

    def text(result: Result) -> str:
        bound = getattr(result.latency_ms, f"{name}_bound", None)
        return "-" if bound is None else f"{_latency(name)(result)} ≤ {significant(bound)}"

    return text


def _has_tail(name: str) -> Callable[[Sequence[Result]], bool]:
    bounded = f"{name}_bound"
    return lambda results: any(getattr(one.latency_ms, bounded, None) is not None for one in results)


def _samples(result: Result) -> str:
    if result.latency_ms is None:
        return "-"
    return f"{result.repeat}{'*' if result.truncated else ''}"


def _size(result: Result) -> str:
    if result.artifact is None:
        return "-"
    size_mb = result.artifact.pte_bytes / 1e6
    return f"{size_mb:.1f}" if size_mb >= 1 else f"{size_mb:.2g}"


def _generated(field: str) -> Callable[[Result], str]:
    return lambda result: significant(getattr(result.generated, field) if result.generated else None)


def _equal(result: Result) -> str:
    agreement = result.parity.token_agreement if result.parity else None
    return "-" if agreement is None else f"{agreement:.1%}"


def _speak(results: Sequence[Result]) -> bool:
    """Return whether any is a language model."""
    return any(result.generated for result in results)


# In the order of the table.
FIGURES = (
    Figure("cell", ("model", "precision", "delegate"), "cell", lambda result: _names([result])[0]),
    Figure("p50", ("latency_p50_ms",), "p50 ms", _latency("p50")),
    Figure(
        "ci",
        ("latency_ci95_low_ms", "latency_ci95_high_ms"),
        "± %",
        lambda result: half_width_cell(result.latency_ms),
        value=lambda result: half_width(result.latency_ms),
    ),
    Figure("mean", ("latency_mean_ms",), "mean ms", _latency("avg"), 7),
    Figure(*("p95", ("latency_p95_ms", "p95_bound"), "p95 ms", _tail("p95"), 5), wanted=_has_tail("p95")),
    Figure(*("p99", ("latency_p99_ms", "p99_bound"), "p99 ms", _tail("p99"), 5), wanted=_has_tail("p99")),
    Figure("min", ("latency_min_ms",), "min ms", _number("latency_min_ms"), 9),
    Figure("max", ("latency_max_ms",), "max ms", _number("latency_max_ms"), 10),
    Figure("std", ("latency_std_ms",), "std ms", _number("latency_std_ms"), 11),
    Figure("n", ("samples",), "n", _samples, 8),
    Figure("size", ("pte_bytes",), "size MB", _size),
    Figure("load", ("load_ms",), "load ms", lambda result: significant(result.load_ms), 6),
    Figure("parity", ("sqnr_db",), "parity dB", parity_words),
    Figure(
        *("decode", ("decode_tokens_per_s",), "decode\ntokens/s", _generated("decode_tokens_per_s"), 1),
        wanted=_speak,
    ),
    Figure(
        *("first_token", ("time_to_first_token_ms",), "first\ntoken ms"),
        *(_generated("time_to_first_token_ms"), 2),
        wanted=_speak,
    ),
    Figure("equal", ("token_agreement",), "equal\ntokens", _equal, 3, wanted=_speak),
    Figure(
        *("prefill", ("prefill_tokens_per_s",), "prefill\ntokens/s", _generated("prefill_tokens_per_s"), 4),
        wanted=_speak,
    ),
    Figure("state", ("status", "stability"), "state", _state, value=state_of),
)
BY_WORD = {figure.word: figure for figure in FIGURES}
CELL = FIGURES[0]


def usual_figures(results: Sequence[Result]) -> list[Figure]:
    """Return the default columns for these results, with one for each figure of an accuracy function.

    The first of those figures is never left out: it is what the cells cost.
    """
    names = dict.fromkeys(name for result in results for name in result.evaluation or {})
    hooked = [replace(_accuracy(f"{PREFIX}{name}"), rank=min(place, 1)) for place, name in enumerate(names)]
    *figures, state = (figure for figure in FIGURES if figure.wanted(results))
    if any(result.latency_ms and result.latency_ms.p50 is None for result in results):
        # an imported summary: its mean is all there is
        figures = [replace(figure, rank=0) if figure.word == "mean" else figure for figure in figures]
    return [*figures, *hooked, state]


def _accuracy(column: str) -> Figure:
    """Return the column of a figure of an accuracy function, such as ``eval_top1``."""
    return Figure(
        column, (column,), column, lambda result: accuracy_words(result, column.removeprefix(PREFIX))
    )


def chosen_figures(words: Sequence[str]) -> list[Figure]:
    """Return the columns of these names, none of which is ever left out.

    Raises:
        EtbenchError: if one is neither in the default table nor a column of results.csv.

    """
    known = [*BY_WORD, *READ, f"{PREFIX}NAME"]
    for word in words:
        if word not in BY_WORD and (word in RAW or metric_named(word) is None):
            raise EtbenchError(
                f"unknown column {word!r}{nearest(word, known)}; choose from {', '.join(BY_WORD)}, and "
                "the columns of results.csv (docs/reference/columns.md)",
                stage="show",
            )
    return [
        replace(BY_WORD[word], rank=0)
        if word in BY_WORD
        else _accuracy(word)
        if is_accuracy(word)
        else _of_csv(word)
        for word in words
    ]


def _of_csv(name: str) -> Figure:
    def text(result: Result) -> str:
        value = read_column(result, name)
        if value is None:
            return "-"
        return f"{value:.4g}" if isinstance(value, float) else str(value)

    return Figure(name, (name,), name, text)


def names_of(results: Sequence[Result]) -> list[str]:
    """Return a name for each cell: model, precision and delegate, and what else makes it unique."""
    names = _names(results)
    if len(set(names)) == len(names):
        return names
    from etbench.results.tables.frames import to_frame
    from etbench.results.tables.labels import label_cells  # needs pandas

    return [str(name) for name in label_cells(to_frame(results))["cell"]]


def _names(results: Sequence[Result]) -> list[str]:
    return [cell_words(result.model_name, result.precision_short, result.delegate) for result in results]


def cells_of(
    results: Sequence[Result], names: Sequence[str], figures: Sequence[Figure]
) -> Iterator[list[str | Text]]:
    """Yield the row of each cell, with its name from `names`."""
    for result, name in zip(results, names, strict=True):
        yield [name if figure.word == CELL.word else figure.text(result) for figure in figures]


def print_results(
    results: Sequence[Result], names: Sequence[str], figures: Sequence[Figure], console: Console
) -> None:
    """Print a row for each cell.

    Args:
        results: in the order of the rows.
        names: of their cells.
        figures: from `usual_figures` or `chosen_figures`.
        console: where they are printed, which limits how many fit.

    """
    columns = [
        Column(
            figure.header,
            figure.rank,
            wraps=figure.is_words and figure.word != "state",
            left=figure.is_words,
        )
        for figure in figures
    ]
    print_table(console, columns, cells_of(results, names, figures), more=MORE)
