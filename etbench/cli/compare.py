"""`compare`: what became slower, larger or less accurate, as a table, JSON or a pull request's comment."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.common import FAILED, OK, REGRESSION, read_all
from etbench.errors import EtbenchError
from etbench.text import counted

if TYPE_CHECKING:
    from etbench.results.comparison.compare import Comparison

__all__ = ["ACROSS", "configure", "run"]

ACROSS = ("machines", "versions", "settings")  # those of `etbench.results.comparison.conditions`


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "The exit status is 1 if a cell of NEW is wrong. It is 3 if a cell is significantly slower (95 %) by "
        "more than --fail-above, meets a --fail-if condition, or was measured in BASELINE and not in NEW."
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
        help="largest slowdown that is allowed (default: 5%%)",
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
        "--allow-missing", action="store_true", help="allow cells that NEW lacks or could not measure"
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
    if not (comparison.cells or comparison.failing or comparison.wrong):
        raise EtbenchError(f"{args.base} and {args.new} have no measured cell in common", stage="compare")
    failed = comparison.regressed or (comparison.incomplete and not args.allow_missing)
    if args.format == "json":
        print(msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode())
    elif args.format == "markdown":
        print(_markdown(comparison, failed=failed or bool(comparison.wrong)))
    else:
        from etbench.terminal.console import print_comparison

        print_comparison(comparison.cells)
        for line in _beside(comparison):
            print(line)
    return FAILED if comparison.wrong else REGRESSION if failed else OK


def _markdown(comparison: Comparison, *, failed: bool) -> str:
    verdicts = [cell.verdict for cell in comparison.cells]
    counts = ", ".join(f"{verdicts.count(word)} {word}" for word in dict.fromkeys(verdicts))
    lines = [
        f"### etbench: {'failed' if failed else 'passed'}",
        "",
        f"{counted(len(verdicts), 'cell')} compared: {counts or 'none'}; "
        f"a slowdown of up to {comparison.threshold:.3g} is allowed.",
        "",
    ]
    if comparison.cells:
        lines += [
            "| cell | baseline ms | new ms | new / baseline | 95 % | verdict |",
            "|---|--:|--:|--:|--:|---|",
        ]
    for cell in comparison.cells:
        verdict = f"**{cell.verdict}**" if cell.regression else cell.verdict
        interval = f"{cell.low:.3f} to {cell.high:.3f}" if cell.low is not None else "none"
        lines.append(
            f"| {_cell(cell.name)} | {cell.base_ms:.4g} | {cell.new_ms:.4g} | {cell.ratio:.3f} "
            f"| {interval} | {verdict}{f': {_cell(cell.advice)}' if cell.advice else ''} |"
        )
    return "\n".join([*lines, *(f"\n- {line}" for line in _beside(comparison))])


def _beside(comparison: Comparison) -> list[str]:
    """Return lines about what the table does not show."""
    lines = [
        f"{violation.condition}: {violation.cell}: {violation.message}" for violation in comparison.violations
    ]
    for what, names in (
        ("wrong", comparison.wrong),
        ("no longer measured", comparison.failing),
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
    """Read ``5%`` or ``0.05``."""
    try:
        value = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is not a valid share; write it as 5% or 0.05")
    return value
