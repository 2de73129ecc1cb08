"""`python -m etbench.results`: what can be done with result files, without torch."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.results.tables import aggregate

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a subcommand and return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m etbench.results", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    tables = commands.add_parser("aggregate", help="write the comparison tables as CSV")
    tables.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    tables.add_argument("-o", "--out", type=Path, help="folder of the CSV files (default: the first DIR)")
    args = parser.parse_args(argv)
    try:
        return _aggregate(args.paths, args.out)
    except EtbenchError as error:
        print(error.message, file=sys.stderr)
        return 2


def _aggregate(paths: list[Path], out: Path | None) -> int:
    first = paths[0]
    folder = out or (first if first.is_dir() else first.parent)
    for path in aggregate(paths, folder):
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
