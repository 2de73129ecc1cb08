"""`env`: make, list or remove environments of other versions and runtimes."""

from __future__ import annotations

import argparse

from etbench.cli.arguments import number_of
from etbench.cli.env_board import add_board, create_board
from etbench.errors import ConfigError
from etbench.system.cache_folder import cache_folder
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, print_line

__all__ = ["configure", "create_environment", "run"]

DAY_S = 86_400.0
SHOWN = ("executorch", "torch", "onnxruntime", "litert-torch", "openvino")
COLUMNS = (
    Column("name", left=True),
    Column("versions", left=True, wraps=True),
    *(Column("python", rank=2), Column("GB"), Column("last used", rank=1)),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "A cell is built and run in one with env=NAME; -m env=NAME,null compares it with this interpreter. "
        "An environment has the versions of packages that are installed here, except for those that you name."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    create = commands.add_parser(
        "create", help="make an environment, which downloads packages once; an interrupted one is continued"
    )
    create.add_argument(
        "requirements",
        nargs="*",
        metavar="PACKAGE[==VERSION]",
        help="what differs from this interpreter, such as executorch==1.4.1, onnxruntime==1.25.0 or litert",
    )
    add_board(create)
    create.add_argument("--name", help="its name (default: from the first package, such as executorch-1.4.1)")
    commands.add_parser("list", help="list the environments, the most recently used first")
    remove = commands.add_parser("remove", help="remove environments")
    remove.add_argument("names", nargs="*", metavar="NAME", help="names of environments")
    remove.add_argument(
        "--unused-for",
        type=number_of("days", below=100_000),
        metavar="DAYS",
        help="also those that were not used for so many days",
    )


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    match args.command:
        case "create" if args.board is not None and args.requirements:
            raise ConfigError(["etbench env create: give --board or packages, not both"])
        case "create" if args.board is not None:
            create_board(args.board, cache_folder(None))
        case "create" if not args.requirements:
            raise ConfigError(["etbench env create: name a package, such as executorch==1.4.1, or --board"])
        case "create":
            create_environment(args.requirements, args.name)
        case "list":
            _list()
        case "remove":
            _remove(args)
    return 0


def create_environment(named: list[str], name: str | None = None) -> None:
    """Make an environment for what is named, such as ``executorch==1.4.1``, and report it."""
    from etbench.builder.cache import Cache
    from etbench.environments.managed import create
    from etbench.environments.requirements import environment_name, requirements_of

    requirements = requirements_of(named)
    Cache(cache_folder(None), 0).claim()
    made = create(name or environment_name(named), requirements, tell=lambda text: print_line(text))
    print_line(
        f"{made.name}: {_versions(made.libraries)}, {made.bytes / 1e9:.2f} GB; use it with env={made.name}"
    )


def _list() -> None:
    import time

    from etbench.environments.managed import environments
    from etbench.environments.names import environments_folder
    from etbench.text import counted, seconds_text

    found = environments()
    print_line(f"{counted(len(found), 'environment')} in {environments_folder()}")
    rows = (
        (
            one.name,
            _versions(one.libraries),
            one.python,
            f"{one.bytes / 1e9:.2f}",
            f"{seconds_text(max(0.0, time.time() - one.used_s))} ago",
        )
        for one in found
    )
    print_table(plain_console(), COLUMNS, rows)


def _remove(args: argparse.Namespace) -> None:
    from etbench.environments.managed import remove
    from etbench.errors import EtbenchError
    from etbench.text import counted

    if not args.names and args.unused_for is None:
        raise EtbenchError("name the environments to remove, or give --unused-for DAYS", stage="env")
    removed = remove(args.names, unused_for_s=args.unused_for and args.unused_for * DAY_S)
    print_line(f"removed {counted(len(removed), 'environment')}{': ' if removed else ''}{', '.join(removed)}")


def _versions(libraries: dict[str, str]) -> str:
    return ", ".join(f"{name} {libraries[name]}" for name in SHOWN if name in libraries)
