"""What the commands share: their folders, where they write, how they say what was left out."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from etbench.results.schema import Result
from etbench.results.store import UnreadableError, read_results

__all__ = [
    "BAD_USAGE",
    "OK",
    "REGRESSION",
    "Commands",
    "add_folders",
    "out_folder",
    "print_left_out",
    "print_paths",
    "read_all",
]

OK, BAD_USAGE, REGRESSION = 0, 2, 3
Commands = argparse._SubParsersAction


def add_folders(parser: argparse.ArgumentParser) -> None:
    """Add the arguments DIR… and --out."""
    parser.add_argument("paths", nargs="+", type=Path, metavar="DIR", help="result files or their folders")
    parser.add_argument("-o", "--out", type=Path, help="folder for what is written (default: the first DIR)")


def out_folder(args: argparse.Namespace) -> Path:
    """Return the folder for what is written."""
    first: Path = args.paths[0]
    folder: Path = args.out or (first if first.is_dir() else first.parent)
    return folder


def read_all(paths: Iterable[Path]) -> list[Result]:
    """Read all results, and say on stderr what was left out."""
    found, unreadable = read_results(paths)
    print_left_out(unreadable)
    return [result for _, result in found]


def print_left_out(errors: Iterable[UnreadableError]) -> None:
    """Name each file that was left out, and why, on stderr."""
    for error in errors:
        print(f"left out {error.message}", file=sys.stderr)


def print_paths(paths: Iterable[Path]) -> int:
    """Print a path a line."""
    for path in paths:
        print(path)
    return OK
