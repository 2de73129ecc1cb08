"""`baseline`: keep results with their programs under a name, as what later runs are compared with."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from etbench.cli.common import add_cache_folder, cache_of, print_left_out, say_on_stderr
from etbench.terminal.fitting import Column, print_table
from etbench.terminal.streams import plain_console, print_line
from etbench.text import counted

if TYPE_CHECKING:
    from etbench.results.files.baselines import Kept

__all__ = ["configure", "run"]

COLUMNS = (
    Column("baseline", wraps=True),
    *(Column("cells"), Column("MB"), Column("measured", left=True, rank=1)),
    *(Column("commit", left=True, rank=2), Column("host", left=True, rank=3)),
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Set the description and the arguments."""
    parser.description = (
        "compare_to=baseline:NAME measures a cell interleaved with the kept program, and `etbench compare "
        "baseline:NAME NEW` reads the kept results. Pruning or clearing the cache does not remove a baseline."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    setting = commands.add_parser(
        "set", help="keep the results of a run and their programs; replaces a baseline of that name"
    )
    setting.add_argument("name", metavar="NAME", help="letters, digits, '.', '-' and '_'")
    setting.add_argument(
        "source",
        type=Path,
        metavar="DIR",
        help="result file or folder; its programs are taken from beside the results (keep_pte=true) or from "
        "the cache",
    )
    commands.add_parser("list", help="list the baselines that are kept")
    removing = commands.add_parser("remove", help="remove a baseline")
    removing.add_argument("name", metavar="NAME", help="name of the baseline")
    add_cache_folder(parser, commands.choices.values())


def run(args: argparse.Namespace) -> int:
    """Run it and return the exit status."""
    from etbench.builder.cache import Cache
    from etbench.results.files.baselines import keep_baseline, kept_baselines, remove_baseline

    cache = Cache(cache_of(args), max_bytes=0)
    match args.command:
        case "set":
            kept, left_out = keep_baseline(args.name, args.source, cache)
            for line in left_out:
                say_on_stderr(f"left out {line}")
            print_line(f"baseline:{kept.name} has {_cells(kept)}, {kept.bytes / 1e6:.1f} MB: {kept.folder}")
        case "list":
            _list(kept_baselines(cache.folder))
        case "remove":
            remove_baseline(args.name, cache)
            print_line(f"removed baseline:{args.name}")
    return 0


def _list(baselines: list[Kept]) -> None:
    if not baselines:
        print_line("no baseline is kept; `etbench baseline set NAME DIR` keeps one")
        return
    rows = []
    for kept in baselines:
        print_left_out(kept.unreadable)
        newest = max((result for _, result in kept.results), key=lambda one: one.created_at, default=None)
        if newest is None:
            rows.append((kept.name, "0", f"{kept.bytes / 1e6:.1f}", "damaged", "", ""))
            continue
        commit = (newest.environment.commit or "")[:10]
        rows.append(
            (
                kept.name,
                str(len(kept.results)),
                f"{kept.bytes / 1e6:.1f}",
                newest.created_at[:16].replace("T", " "),
                f"{commit} and changes" if commit and newest.environment.dirty else commit,
                newest.environment.host,
            )
        )
    print_table(plain_console(), COLUMNS, rows)


def _cells(kept: Kept) -> str:
    return counted(len(kept.results), "result")
