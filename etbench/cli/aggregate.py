"""`aggregate`: write the comparison tables of any number of result files."""

from __future__ import annotations

import argparse

from etbench.cli.common import (
    add_folders,
    check_results,
    out_folder,
    print_paths,
)

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "Also writes results.parquet if pyarrow is installed. Result files that were read before are "
        "taken from the index in DIR/.etbench, unless they have changed."
    )
    add_folders(parser)


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.results.tables.aggregation import aggregate

    check_results(args.paths)
    return print_paths(aggregate(args.paths, out_folder(args)))
