"""`python -m etbench.results`: what can be done with result files, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from etbench.errors import EtbenchError
from etbench.results.compare import Comparison, compare_results
from etbench.results.schema import Result
from etbench.results.store import read_results

__all__ = ["main"]

OK, BAD_USAGE, REGRESSION = 0, 2, 3


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m etbench.results", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    for add in (_add_aggregate, _add_charts, _add_compare):
        add(commands)
    args = parser.parse_args(argv)
    run: Callable[[argparse.Namespace], int] = args.run
    try:
        return run(args)
    except EtbenchError as error:
        print(error.message, file=sys.stderr)
        return BAD_USAGE


def _add_aggregate(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("aggregate", help="write the comparison tables as CSV")
    _add_folders(parser)
    parser.set_defaults(run=_aggregate)


def _aggregate(args: argparse.Namespace) -> int:
    from etbench.results.tables import aggregate

    return _print_paths(aggregate(args.paths, _out(args)))


def _add_charts(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser("charts", help="draw precisions, delegates and speedups")
    _add_folders(parser)
    parser.add_argument("--format", choices=["png", "svg", "pdf"], default="png", help="(default: png)")
    parser.set_defaults(run=_charts)


def _charts(args: argparse.Namespace) -> int:
    from etbench.results import charts
    from etbench.results.tables import load_results

    frame, out = load_results(args.paths), _out(args)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for draw in (charts.precision_bars, charts.delegate_bars, charts.speedup_bars):
        path = out / f"{draw.__name__}.{args.format}"
        draw(frame).save(path, **({"ppi": 144} if args.format == "png" else {}))
        written.append(path)
    return _print_paths(written)


def _add_compare(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    parser = commands.add_parser(
        "compare",
        help="say which cells became faster or slower",
        description="Exit status 3 if a cell is slower, beyond doubt and by more than --fail-above.",
    )
    parser.add_argument("base", type=Path, metavar="BASE", help="result file or folder to compare with")
    parser.add_argument("new", type=Path, metavar="NEW", help="result file or folder that is judged")
    parser.add_argument(
        "--fail-above",
        type=_share,
        default=0.05,
        metavar="5%",
        help="slowdown that is let pass (default: 5%%)",
    )
    parser.add_argument("--format", choices=["table", "json", "markdown"], default="table")
    parser.add_argument("--across-hosts", action="store_true", help="compare also what ran elsewhere")
    parser.set_defaults(run=_compare)


def _compare(args: argparse.Namespace) -> int:
    base, new = (_measured(path) for path in (args.base, args.new))
    comparison = compare_results(base, new, threshold=args.fail_above, across_hosts=args.across_hosts)
    if not comparison.cells:
        raise EtbenchError(f"{args.base} and {args.new} have no measured cell in common", stage="compare")
    if args.format == "json":
        print(msgspec.json.format(msgspec.json.encode(comparison), indent=2).decode())
    elif args.format == "markdown":
        print(_markdown(comparison))
    else:
        from etbench.console import print_comparison

        print_comparison(comparison.cells)
        for side, names in (("base", comparison.only_base), ("new", comparison.only_new)):
            if names:
                print(f"only in {side}: {', '.join(names)}")
    return REGRESSION if comparison.regressed else OK


def _measured(path: Path) -> list[Result]:
    found, unreadable = read_results([path])
    for error in unreadable:
        print(f"left out {error.message}", file=sys.stderr)
    return [result for _, result in found]


def _markdown(comparison: Comparison) -> str:
    lines = ["| cell | base ms | new ms | new / base | 95 % | verdict |", "|---|--:|--:|--:|--:|---|"]
    for cell in comparison.cells:
        verdict = f"**{cell.verdict}**" if cell.regression else cell.verdict
        interval = f"{cell.low:.3f} to {cell.high:.3f}" if cell.low is not None else "none"
        lines.append(
            f"| {cell.name} | {cell.base_ms:.4g} | {cell.new_ms:.4g} | {cell.ratio:.3f} "
            f"| {interval} | {verdict}{f': {cell.advice}' if cell.advice else ''} |"
        )
    for side, names in (("base", comparison.only_base), ("new", comparison.only_new)):
        if names:
            lines.append(f"\nOnly in {side}: {', '.join(names)}")
    return "\n".join(lines)


def _share(text: str) -> float:
    """Read ``5%`` or ``0.05``."""
    try:
        value = float(text.rstrip("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 < value < 10:
        raise argparse.ArgumentTypeError(f"{text!r} is no share such as 5% or 0.05")
    return value


def _add_folders(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument("-o", "--out", type=Path, help="folder for what is written (default: the first DIR)")


def _out(args: argparse.Namespace) -> Path:
    first: Path = args.paths[0]
    folder: Path = args.out or (first if first.is_dir() else first.parent)
    return folder


def _print_paths(paths: Sequence[Path]) -> int:
    for path in paths:
        print(path)
    return OK


if __name__ == "__main__":
    sys.exit(main())
