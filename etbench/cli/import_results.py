"""`import`: convert the files of other benchmarks to result files."""

from __future__ import annotations

import argparse
from pathlib import Path

from etbench.cli.common import file_stem, print_left_out, print_paths
from etbench.errors import EtbenchError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "Reads the flat JSON of older scripts, ExecuTorch's v3 records and Google Benchmark's JSON; a name "
        "of the form model/precision/delegate in Google Benchmark's JSON is split."
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="files to convert")
    parser.add_argument(
        "-o",
        "--out",
        type=Path,
        default=Path("imported"),
        help="folder for the result files (default: imported)",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.files.foreign import import_file
    from etbench.results.files.store import UnreadableError, write_result

    results, left_out = [], []
    for file in args.files:
        try:
            results += import_file(file)
        except UnreadableError as error:
            left_out.append(error)
    print_left_out(left_out)
    if not results:
        raise EtbenchError("nothing was imported", stage="import")
    return print_paths(write_result(result, args.out, file_stem(result)) for result in results)
