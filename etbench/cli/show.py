"""`show`: print the table of finished results, sorted, filtered, with the columns you choose."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etbench.cli.common import OK, json_text, read_all
from etbench.errors import EtbenchError
from etbench.escaping import markdown_row, markdown_text

if TYPE_CHECKING:
    from etbench.results.schema import Result
    from etbench.terminal.summary_table import Figure

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "This is the table that a run or sweep prints at its end. COLUMN is a column of the table "
        "(cell, p50, ci, mean, p95, p99, min, max, std, n, size, load, parity, decode, first_token, equal, "
        "prefill, state) or a column of results.csv (docs/reference/columns.md)."
    )
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument(
        "--filter",
        action="append",
        default=[],
        metavar="WORDS",
        help="only cells that match all these words: part of a model's name, a precision, a delegate, "
        'a state; such as "mobilenet int8" or "resnet18 xnn*"',
    )
    parser.add_argument(
        "--where",
        metavar="CONDITION",
        help="only cells that meet this: terms joined by `and`, each a column of results.csv, an operator "
        "and a value with a unit, such as 'precision=int8 and sqnr_db<20', 'model=res* and pte_bytes>=20MB'",
    )
    parser.add_argument(
        "--sort",
        metavar="COLUMN",
        help="sort by this column, smallest first (default: by model, precision, delegate)",
    )
    parser.add_argument("--reverse", action="store_true", help="largest first")
    parser.add_argument(
        "--columns",
        type=_words,
        default=[],
        metavar="COLUMN,…",
        help="show these columns, however narrow the terminal is",
    )
    parser.add_argument(
        "--format", choices=list(FORMATS), default="table", help="output format (default: table)"
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.decision.where import matching
    from etbench.results.files.upgrade import fill_in
    from etbench.terminal.summary_table import chosen_figures

    columns = chosen_figures(args.columns)
    (by,) = chosen_figures([args.sort or "cell"])
    results = _filtered(list(map(fill_in, read_all(args.paths))), " ".join(args.filter).split())
    if args.where:
        results = matching(args.where, results)
    FORMATS[args.format](_sorted(results, by, reverse=args.reverse), columns)
    return OK


def _filtered(results: Sequence[Result], words: Sequence[str]) -> list[Result]:
    """Return the cells that have all the words.

    Raises:
        EtbenchError: if no cell has; the message lists the words that there are.

    """
    kept = [result for result in results if all(_has(result, word.lower()) for word in words)]
    if not kept:
        there = "; ".join(
            f"{what}s: {', '.join(sorted({read(result) for result in results}))}"
            for what, read in WORDS.items()
        )
        raise EtbenchError(f"no cell matches all of {' '.join(words)!r}; there are {there}", stage="show")
    return kept


def _has(result: Result, word: str) -> bool:
    model, *others = (read(result).lower() for read in WORDS.values())
    return fnmatchcase(model, f"*{word}*") or any(fnmatchcase(other, word) for other in others)


def _state(result: Result) -> str:
    from etbench.terminal.summary_table import state_of

    return state_of(result)


WORDS: dict[str, Callable[[Result], str]] = {
    "model": lambda result: result.model_name,
    "precision": lambda result: result.precision_short,
    "delegate": lambda result: result.delegate,
    "state": _state,
}


def _sorted(results: Iterable[Result], by: Figure, *, reverse: bool) -> list[Result]:
    """Return the results in the order of a column, those without a value last."""
    keyed = [(by.key(result), result) for result in results]
    known = [pair for pair in keyed if pair[0] is not None]
    known.sort(key=lambda pair: pair[0], reverse=reverse)
    return [result for _, result in known] + [result for key, result in keyed if key is None]


def _table(results: Sequence[Result], columns: Sequence[Figure]) -> None:
    from etbench.terminal.console import print_summary

    print_summary(results, columns=columns)


def _markdown(results: Sequence[Result], columns: Sequence[Figure]) -> None:
    from etbench.terminal.remarks import finding_lines
    from etbench.terminal.summary_table import cells_of, names_of, usual_figures

    figures = columns or usual_figures(results)
    print(markdown_row(figure.header for figure in figures))
    print(f"|{'|'.join('---' if figure.is_words else '--:' for figure in figures)}|")
    for row in cells_of(results, names_of(results), figures):
        print(markdown_row(row))
    if not columns and (found := finding_lines(results, names_of(results))):
        print("\n".join(["", *(f"- {markdown_text(line)}" for line in found)]))


def _csv(results: Sequence[Result], columns: Sequence[Figure]) -> None:
    from etbench.results.tables.spreadsheet import CsvWriter

    names, rows = _records(results, columns)
    CsvWriter(sys.stdout, names).writerows(rows)


def _json(results: Sequence[Result], columns: Sequence[Figure]) -> None:
    names, rows = _records(results, columns)
    records = [dict(zip(names, row, strict=True)) for row in rows]
    print(json_text(records))


def _records(results: Sequence[Result], columns: Sequence[Figure]) -> tuple[list[str], list[list[Any]]]:
    """Return the names and values of columns of results.csv, all of them if none is chosen."""
    from etbench.results.tables.evaluation import evaluated, evaluation_names
    from etbench.terminal.summary_table import READ, read_column

    names = list(dict.fromkeys(name for figure in columns for name in figure.names))
    if not names:
        figures = (evaluated(result.evaluation, result.evaluation_items) for result in results)
        names = [*READ, *evaluation_names(figures)]
    return names, [[read_column(result, name) for name in names] for result in results]


def _words(text: str) -> list[str]:
    return [word for word in text.split(",") if word]


FORMATS: dict[str, Callable[[Sequence[Result], Sequence[Figure]], None]] = {
    "table": _table,
    "markdown": _markdown,
    "csv": _csv,
    "json": _json,
}
