"""`compare`: what became slower, larger or less accurate, as a table, JSON or a pull request's comment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.common import read_all
from etbench.errors import EtbenchError
from etbench.text import share

if TYPE_CHECKING:
    from etbench.results.comparison.compare import Comparison
    from etbench.results.comparison.outcome import Outcome

__all__ = ["ACROSS", "configure", "run"]

ACROSS = ("machines", "versions", "settings")  # those of `etbench.results.comparison.conditions`


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "For each cell it decides whether NEW is slower by more than --fail-above: a regression, passed, or "
        "undecided. The exit status is the first that applies: 2 for bad usage or results that cannot be "
        "compared; 1 if a cell of NEW failed, is wrong or is missing; 3 for a regression or a --fail-if "
        "condition that is met; 4 if a cell is undecided; 0 otherwise."
    )
    parser.add_argument("base", type=Path, metavar="BASELINE", help="result file or folder of the baseline")
    parser.add_argument(
        "new", type=Path, metavar="NEW", help="result file or folder to compare with the baseline"
    )
    parser.add_argument(
        "--fail-above",
        type=_share,
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
    parser.add_argument("--format", choices=["table", "json", "markdown"], default="table")
    parser.add_argument(
        "--across",
        type=_kinds,
        default=(),
        metavar=",".join(ACROSS),
        help="also compare separate runs whose hardware or operating system (machines), versions of Python, "
        "kernel and libraries (versions), or threads and runner (settings) differ",
    )
    parser.add_argument(
        "--drift",
        type=_share,
        metavar="3%",
        help="standard deviation of the latency between separate runs of one program, as measured by "
        "`etbench doctor --drift`; by default the runs in BASELINE and NEW show it, if there are several",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    import msgspec

    from etbench.results.comparison.compare import compare_results
    from etbench.results.comparison.gate import parse_condition

    conditions = [parse_condition(text) for text in args.fail_if]
    base, new = read_all([args.base]), read_all([args.new])
    comparison = compare_results(
        base,
        new,
        threshold=args.fail_above,
        across=args.across,
        drift=args.drift,
        conditions=conditions,
        base_path=str(args.base),
    )
    if not (comparison.cells or comparison.failing or comparison.not_measured or comparison.wrong):
        raise EtbenchError(f"{args.base} and {args.new} have no measured cell in common", stage="compare")
    allow = {"missing": args.allow_missing, "undecided": args.allow_undecided}
    outcome = comparison.outcome([reason for reason, allowed in allow.items() if allowed])
    if args.format == "json":
        both = msgspec.to_builtins(outcome) | msgspec.to_builtins(comparison)
        print(msgspec.json.format(msgspec.json.encode(both), indent=2).decode())
    elif args.format == "markdown":
        print(_markdown(comparison, outcome))
    else:
        from etbench.results.comparison.outcome import decision_counts
        from etbench.terminal.console import print_comparison

        print_comparison(comparison.cells)
        for line in _beside(comparison):
            print(line)
        print(f"{outcome.heading}: {decision_counts(comparison.cells)}")
    return outcome.status


def _markdown(comparison: Comparison, outcome: Outcome) -> str:
    from etbench.results.comparison.outcome import decision_counts, family_rule

    lines = [f"### etbench: {outcome.heading}", "", f"{decision_counts(comparison.cells)}.", ""]
    if comparison.cells:
        lines += [
            "| cell | baseline ms | new ms | new / baseline | 95 % | decision | verdict |",
            "|---|--:|--:|--:|--:|---|---|",
        ]
    for cell in comparison.cells:
        decision = f"**{cell.decision}**" if cell.regression else cell.decision
        interval = f"{cell.low:.3f} to {cell.high:.3f}" if cell.low is not None else "none"
        lines.append(
            f"| {_cell(cell.name)} | {cell.base_ms:.4g} | {cell.new_ms:.4g} | {cell.ratio:.3f} | {interval} "
            f"| {decision} | {_cell(': '.join(filter(None, [cell.words, cell.advice])))} |"
        )
    if rule := family_rule(comparison.cells):
        lines.append(f"\n{rule}.")
    return "\n".join([*lines, *(f"\n- {line}" for line in _beside(comparison))])


def _beside(comparison: Comparison) -> list[str]:
    """Return lines about what the table does not show."""
    lines = [
        f"{violation.condition}: {violation.cell}: {violation.message}" for violation in comparison.violations
    ]
    lines += [
        f"{cell.name} was measured in turn with another baseline: {cell.measured_with}"
        for cell in comparison.cells
        if cell.measured_with
    ]
    for what, names in (
        ("failed", comparison.failing),
        ("wrong", comparison.wrong),
        ("no longer measured", comparison.not_measured),
        ("only in the baseline", comparison.only_base),
        ("only in new", comparison.only_new),
    ):
        if names:
            lines.append(f"{what}: {', '.join(names)}")
    return lines


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def _kinds(text: str) -> tuple[str, ...]:
    """Read ``machines,versions``."""
    kinds = tuple(text.split(","))
    for kind in kinds:
        if kind not in ACROSS:
            raise argparse.ArgumentTypeError(f"{kind!r} is not one of {', '.join(ACROSS)}")
    return kinds


def _share(text: str) -> float:
    try:
        return share(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
