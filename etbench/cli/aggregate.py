"""`aggregate`: the comparison tables of any number of result files."""

from __future__ import annotations

import argparse

from etbench.cli.common import (
    Commands,
    add_folders,
    check_results,
    out_folder,
    print_paths,
)

__all__ = ["add"]


def add(commands: Commands[argparse.ArgumentParser]) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "aggregate",
        help="write the comparison tables as CSV",
        description="Also results.parquet where pyarrow is installed. Files that were read before are "
        "taken from the index in DIR/.etbench.",
    )
    add_folders(parser)
    parser.set_defaults(run=_aggregate)


def _aggregate(args: argparse.Namespace) -> int:
    from etbench.results.tables.aggregation import aggregate

    check_results(args.paths)
    return print_paths(aggregate(args.paths, out_folder(args)))
