"""`python -m etbench.results`: what can be done with result files, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.results.tables import aggregate, load_results

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m etbench.results", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tables = commands.add_parser("aggregate", help="write the comparison tables as CSV")
    tables.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    tables.add_argument("-o", "--out", type=Path, help="folder of the CSV files (default: the first DIR)")
    charts = commands.add_parser("charts", help="draw precisions, delegates and speedups")
    charts.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    charts.add_argument("-o", "--out", type=Path, help="folder of the pictures (default: the first DIR)")
    charts.add_argument("--format", choices=["png", "svg", "pdf"], default="png", help="(default: png)")
    args = parser.parse_args(argv)
    out = args.out or (args.paths[0] if args.paths[0].is_dir() else args.paths[0].parent)
    try:
        written = (
            _charts(args.paths, out, args.format) if args.command == "charts" else aggregate(args.paths, out)
        )
    except EtbenchError as error:
        print(error.message, file=sys.stderr)
        return 2
    for path in written:
        print(path)
    return 0


def _charts(paths: list[Path], out: Path, kind: str) -> list[Path]:
    from etbench.results import charts  # altair takes a while to import

    frame = load_results(paths)
    out.mkdir(parents=True, exist_ok=True)
    written = []
    for draw in (charts.precision_bars, charts.delegate_bars, charts.speedup_bars):
        path = out / f"{draw.__name__}.{kind}"
        draw(frame).save(path, **({"ppi": 144} if kind == "png" else {}))
        written.append(path)
    return written


if __name__ == "__main__":
    sys.exit(main())
