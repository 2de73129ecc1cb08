"""`cache`: list, prune, verify or clear the cache of built programs."""

from __future__ import annotations

import argparse
import math
import time
from typing import TYPE_CHECKING

from etbench.cli.common import add_cache_folder, cache_of
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, print_line
from etbench.text import counted

if TYPE_CHECKING:
    from etbench.builder.cache import Cache

__all__ = ["configure", "run"]

GB = 1e9
DEFAULT_MAX_GB = 20.0
MOST_GB = 1_000_000
COLUMNS = (
    Column("program", wraps=True),
    *(Column("MB"), Column("built in", rank=2), Column("last used", rank=1)),
    Column("key", rank=3, left=True),
    Column("your files", rank=4),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "The exit status of `verify` is 1 if it found damaged programs. A remote cache (cache.remote) is not "
        "changed: let its store delete old objects."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("list", help="list the programs, most recently used first")
    prune = commands.add_parser("prune", help="remove the least recently used programs")
    prune.add_argument(
        "--max-gb", type=_gigabytes, default=DEFAULT_MAX_GB, help="size to keep, in GB (default: 20)"
    )
    commands.add_parser("verify", help="check every file against its checksum, and remove damaged programs")
    commands.add_parser("clear", help="remove all programs")
    add_cache_folder(parser, commands.choices.values())


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status: 1 if `verify` found damaged programs."""
    from etbench.builder.cache import Cache

    cache = Cache(cache_of(args), int(getattr(args, "max_gb", DEFAULT_MAX_GB) * GB))
    match args.command:
        case "list":
            _list(cache)
        case "prune":
            removed = cache.prune(cache.max_bytes)
            gb = sum(entry.bytes for entry in removed) / GB
            print_line(f"removed {counted(len(removed), 'program')}, {gb:.2f} GB")
        case "verify":
            return _verify(cache)
        case "clear":
            cleared = cache.clear()
            left = len(cache.entries())
            rest = f"; {counted(left, 'program')} could not be removed from {cache.folder}" if left else ""
            print_line(f"removed {counted(cleared, 'program')}{rest}")
    return 0


def _list(cache: Cache) -> None:
    from etbench.text import seconds_text

    entries = cache.entries()
    console = plain_console()
    print_line(f"{counted(len(entries), 'program')} in {cache.folder}", console)
    rows = (
        (
            entry.name,
            f"{entry.bytes / 1e6:.1f}",
            seconds_text(sum(entry.artifact.build_s.values())),
            f"{seconds_text(max(0.0, time.time() - entry.used_s))} ago",
            entry.key[:12],
            str(len(entry.sources.code) + len(entry.sources.data)),
        )
        for entry in entries
    )
    print_table(console, COLUMNS, rows)


def _verify(cache: Cache) -> int:
    damaged = cache.verify()
    for folder in damaged:
        print_line(f"damaged, removed: {folder}")
    print_line(f"{counted(len(cache.entries()), 'program')} intact, {len(damaged)} damaged")
    return 1 if damaged else 0


def _gigabytes(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST_GB:
        raise argparse.ArgumentTypeError(f"{text}: expected a number of GB, 0 or more, at most {MOST_GB:,}")
    return value
