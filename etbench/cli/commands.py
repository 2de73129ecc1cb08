"""The subcommands of `etbench`, in the order of its help.

To add one, write a module beside this one with two functions, `configure(parser)`, which sets the description
and the arguments, and `run(args)`, which returns the exit status; then add a line to `COMMANDS`. A module is
imported when its subcommand is called, so import what takes long inside `run`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from importlib import import_module
from typing import Any

__all__ = ["COMMANDS", "LATER", "Command"]


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Args:
        name: the first word of the command line.
        help: its line in the help of the program.
        module: in `etbench.cli`; that of the name if not given.

    """

    name: str
    help: str
    module: str = ""

    def load(self) -> Any:
        """Import its module."""
        return import_module(f"etbench.cli.{self.module or self.name}")

    def parser(self) -> argparse.ArgumentParser:
        """Return the parser of its arguments."""
        parser = argparse.ArgumentParser(prog=f"etbench {self.name}")
        self.load().configure(parser)
        parser.description = f"{self.help[0].upper()}{self.help[1:]}. {parser.description or ''}"
        return parser

    def call(self, arguments: list[str]) -> int:
        """Run it and return its exit status."""
        args = self.parser().parse_args(arguments)
        status: int = self.load().run(args)
        return status


class _Run(Command):
    """The one whose arguments are Hydra's."""

    def parser(self) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = self.load().parser()
        return parser

    def call(self, arguments: list[str]) -> int:
        status: int = self.load().main(arguments)
        return status


COMMANDS = {
    command.name: command
    for command in (
        _Run("run", "build and measure a cell, or a grid of them with -m (the default)"),
        Command("show", "print the table of finished results again"),
        Command("compare", "report which cells became faster or slower between two sets of results"),
        Command("report", "write one page with words, charts and tables, or a comment for a pull request"),
        Command("history", "show how latency went over many sweeps, and what changed where it did"),
        Command("aggregate", "write the comparison tables as CSV"),
        Command("charts", "draw every chart as a picture"),
        Command("import", "turn files of other benchmarks into result files", "import_results"),
        Command("export", "print results as ExecuTorch's v3 benchmark records", "export_results"),
        Command("cache", "list, prune, verify or clear the built programs that are kept"),
        Command("doctor", "report what this machine can build and run, and what spoils measurements on it"),
        Command("ui", "serve the web page on this machine"),
        Command("completion", "print what a shell needs to complete etbench's command lines"),
    )
}
LATER = ("decide", "env", "upgrade", "diff", "trace", "graph", "baseline")  # names that are reserved
