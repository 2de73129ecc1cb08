"""`env`: environments beside this one, such as the libraries for a board."""

from __future__ import annotations

import argparse

from etbench.cli.common import add_cache_folder, cache_of
from etbench.cli.env_board import add_board, create_board
from etbench.errors import ConfigError

__all__ = ["configure", "run"]


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = "This is the only command that downloads anything."
    add_cache_folder(parser)
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser("create", help="fetch what a board needs")
    add_board(create)


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    if args.board is None:
        raise ConfigError(["etbench env create: --board is required, such as --board aarch64"])
    return create_board(args.board, cache_of(args))
