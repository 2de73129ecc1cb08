"""`compare`: what became slower, larger or less accurate, as a table or in what CI systems read."""

from __future__ import annotations

import argparse
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.arguments import share
from etbench.cli.common import json_text, read_files, say_on_stderr
from etbench.errors import EtbenchError
from etbench.system.files import append_to, replace_file

if TYPE_CHECKING:
    from etbench.engine.diff import Found
    from etbench.results.comparison.compare import Comparison, Explain
    from etbench.results.comparison.outcome import Outcome
    from etbench.results.schema import CellComparison, Result

__all__ = ["ACROSS", "configure", "explaining", "run"]

ACROSS = ("machines", "versions", "settings")  # those of `etbench.results.comparison.conditions`

WRITTEN = ("json", "markdown", "junit")


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "For each cell it decides whether NEW is slower by more than --fail-above: a regression, passed, or "
        "undecided. The exit status is the first that applies: 2 for bad usage or results that cannot be "
        "compared; 1 if a cell of NEW failed, is wrong or is missing; 3 for a regression or a --fail-if "
        "condition that is met; 4 if a cell is undecided; 0 otherwise."
    )
    parser.add_argument(
        "base", metavar="BASELINE", help="result file or folder of the baseline, or baseline:NAME"
    )
    parser.add_argument("new", metavar="NEW", help="result file or folder to compare with the baseline")
    _add_conditions(parser)
    _add_outputs(parser)
    parser.add_argument(
        "--across",
        type=_kinds,
        default=(),
        metavar=",".join(ACROSS),
        help="also compare separate runs whose hardware or operating system (machines), versions of Python, "
        "kernel and libraries (versions), or threads and runner (settings) differ",
    )
    parser.add_argument(
        "--why",
        action="store_true",
        help="profile both programs of each cell that became faster or slower, interleaved, and name the "
        "part that changed most, as `etbench diff --measure` does; this also runs programs that are kept "
        "beside the results",
    )
    parser.add_argument(
        "--drift",
        type=share,
        metavar="3%",
        help="standard deviation of the latency between separate runs of one program, as measured by "
        "`etbench doctor --drift`; by default the runs in BASELINE and NEW show it, if there are several",
    )


def _add_conditions(parser: argparse.ArgumentParser) -> None:
    """Add what fails the comparison, and what is allowed."""
    parser.add_argument(
        "--fail-above",
        type=share,
        default=0.05,
        metavar="5%",
        help="largest slowdown that is allowed, as 5%% or 0.05 (default: 5%%)",
    )
    parser.add_argument(
        "--fail-if",
        action="append",
        default=[],
        metavar="METRIC>+2%",
        help='also fail on this change of a column of results.csv, such as "pte_bytes>+2%%" or '
        '"sqnr_db<-1" (in its own unit), or on a finding that BASELINE does not have, such as '
        '"finding:weights.random" or "finding:calibration.*"; may be repeated',
    )
    parser.add_argument(
        "--allow-missing", action="store_true", help="allow cells that NEW lacks, or skipped or only built"
    )
    parser.add_argument(
        "--allow-undecided", action="store_true", help="exit with 0 instead of 4 if a cell is undecided"
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    """Add what is printed and written."""
    parser.add_argument(
        "--format",
        choices=["table", *WRITTEN, "github"],
        default="table",
        help="what is printed (default: table); github: the table, and an annotation of the workflow run for "
        "each cell that did not pass",
    )
    parser.add_argument(
        "-o",
        "--output",
        action="append",
        type=_output,
        default=[],
        metavar="FORMAT=FILE",
        help="also write json, markdown or junit to a file; markdown is added to the end of it, such as "
        "$GITHUB_STEP_SUMMARY; may be repeated",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    if args.format == "github":
        with _without_workflow_commands():
            comparison, outcome = _compared(args)
            _print_table(comparison, outcome)
        print(_text("github", comparison, outcome), end="")
    else:
        comparison, outcome = _compared(args)
        if args.format == "table":
            _print_table(comparison, outcome)
        else:
            print(_text(args.format, comparison, outcome), end="")
    for name, path in args.output:
        _write(path, _text(name, comparison, outcome), append=name == "markdown")
    return outcome.status


def _compared(args: argparse.Namespace) -> tuple[Comparison, Outcome]:
    from etbench.builder.cache import cache_folder
    from etbench.results.comparison.compare import compare_results
    from etbench.results.comparison.gate import parse_condition
    from etbench.results.files.baselines import resolved

    conditions = [parse_condition(text) for text in args.fail_if]
    folder = cache_folder(None)
    base, new = (read_files([resolved(where, folder)]) for where in (args.base, args.new))
    comparison = compare_results(
        [result for _, result in base],
        [result for _, result in new],
        threshold=args.fail_above,
        across=args.across,
        drift=args.drift,
        conditions=conditions,
        base_path=args.base,
        explain=explaining([*base, *new]) if args.why else None,
    )
    if not (comparison.cells or comparison.failing or comparison.not_measured or comparison.wrong):
        raise EtbenchError(f"{args.base} and {args.new} have no measured cell in common", stage="compare")
    allow = {"missing": args.allow_missing, "undecided": args.allow_undecided}
    return comparison, comparison.outcome([reason for reason, allowed in allow.items() if allowed])


def explaining(found: Sequence[Found]) -> Explain:
    """Return a function that profiles both programs of a cell, and names what is shown to be the cause.

    Args:
        found: the results that it will be called with, and their files.

    """
    from etbench.engine.diff import difference_between
    from etbench.results.diff.words import answer

    files = {id(result): path for path, result in found}

    def explain(cell: CellComparison, base: Result, new: Result) -> str:
        say_on_stderr(f"profiling both programs of {cell.name}")
        sides = (files[id(base)], base), (files[id(new)], new)
        try:
            return answer(difference_between(*sides, measure=True, say=say_on_stderr))
        except EtbenchError as error:
            return f"unknown: {error.message}"

    return explain


@contextmanager
def _without_workflow_commands() -> Iterator[None]:
    """Print lines that GitHub shows as they are, whatever the names in the results."""
    token = uuid.uuid4().hex  # so that nothing printed meanwhile can end it
    print(f"::stop-commands::{token}", flush=True)
    try:
        yield
    finally:
        print(f"::{token}::", flush=True)


def _print_table(comparison: Comparison, outcome: Outcome) -> None:
    from etbench.results.comparison.formats import beside_the_table
    from etbench.results.comparison.outcome import decision_counts
    from etbench.terminal.console import print_comparison
    from etbench.terminal.streams import plain_console, say

    console = plain_console()
    print_comparison(comparison.cells, console)
    for line in (*beside_the_table(comparison), f"{outcome.heading}: {decision_counts(comparison.cells)}"):
        say(console, line)


def _text(name: str, comparison: Comparison, outcome: Outcome) -> str:
    """Return a format other than the table, which ends with a line break unless it is empty."""
    import msgspec

    from etbench.results.comparison.formats import github_annotations, junit_xml, markdown

    match name:
        case "json":
            both = msgspec.to_builtins(outcome) | msgspec.to_builtins(comparison)
            return f"{json_text(both)}\n"
        case "markdown":
            return markdown(comparison, outcome) + "\n"
        case "junit":
            return junit_xml(comparison, outcome)
    return "".join(f"{line}\n" for line in github_annotations(comparison, outcome))


def _write(path: Path, text: str, *, append: bool) -> None:
    try:
        (append_to if append else replace_file)(path, text.encode("utf-8", "backslashreplace"))
    except OSError as error:
        raise EtbenchError(f"{path}: cannot be written: {error.strerror}", stage="compare") from error


def _output(text: str) -> tuple[str, Path]:
    name, _, path = text.partition("=")
    if name not in WRITTEN or not path:
        raise argparse.ArgumentTypeError(f"{text!r}: write FORMAT=FILE, with {', '.join(WRITTEN)} as FORMAT")
    return name, Path(path)


def _kinds(text: str) -> tuple[str, ...]:
    """Read ``machines,versions``."""
    kinds = tuple(text.split(","))
    for kind in kinds:
        if kind not in ACROSS:
            raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(ACROSS)}")
    return kinds
