"""The subcommands of `etbench`, in the order of its help.

To add one, write a module beside this one with two functions, `configure(parser)`, which sets the description
and the arguments, and `run(args)`, which returns the exit status; then add a line to `COMMANDS`. A module is
imported when its subcommand is called, so import slow packages inside `run`.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from etbench.cli.parsing import parsed
from etbench.system.os_errors import NO_ROOM

__all__ = ["COMMANDS", "Command"]


@dataclass(frozen=True)
class Command:
    """A subcommand.

    Args:
        name: the first word of the command line.
        help: its line in the help of the program.
        module: its module in `etbench.cli`; the one of the same name if not given.
        mixed: whether its options may be between its positional arguments.

    """

    name: str
    help: str
    module: str = ""
    mixed: bool = False

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
        """Run it and return its exit status.

        Raises:
            OSError: if something cannot be read or written; for a full disk, it names the argument --out.

        """
        parser = self.parser()
        args = parsed(parser, arguments, mixed=self.mixed)
        try:
            status: int = self.load().run(args)
        except OSError as error:
            if error.filename is None and error.errno in NO_ROOM:
                error.filename = str(_written_to(args))
            raise
        return status


def _written_to(args: argparse.Namespace) -> object:
    """Return the file or folder that a command writes to, from its arguments."""
    paths = getattr(args, "paths", None) or ["."]
    return getattr(args, "out", None) or paths[0]


class _Run(Command):
    """The subcommand whose arguments are parsed by Hydra."""

    def parser(self) -> argparse.ArgumentParser:
        parser: argparse.ArgumentParser = self.load().parser()
        return parser

    def call(self, arguments: list[str]) -> int:
        status: int = self.load().main(arguments)
        return status


COMMANDS = {
    command.name: command
    for command in (
        _Run("run", "build and measure one cell, or a grid of cells with -m (the default)"),
        Command("show", "print the table of finished results"),
        Command("decide", "recommend which precision and delegate of each model to ship"),
        Command("compare", "report which cells became faster or slower between two sets of results"),
        Command("diff", "show where the difference between the latencies of two cells lies"),
        Command("trace", "write a result as a trace for Perfetto or chrome://tracing"),
        Command("graph", "write the graph of a cell's program for Model Explorer, and draw its parts"),
        Command("baseline", "keep results with their programs under a name, list or remove them"),
        Command(
            "report", "write an HTML report with text, charts and tables, or a comment for a pull request"
        ),
        Command("history", "show how latency changed over many sweeps, and what else changed then"),
        Command("aggregate", "write the comparison tables as CSV"),
        Command("charts", "draw every chart as an image file"),
        Command("import", "convert the files of other benchmarks to result files", "import_results"),
        Command("export", "print results as ExecuTorch's v3 benchmark records", "export_results"),
        Command("cache", "list, prune, verify or clear the cache of built programs"),
        Command(
            "upgrade",
            "report what an upgrade of ExecuTorch changes: time, size, accuracy, delegation",
            mixed=True,
        ),
        Command("env", "make, list or remove Python environments of other versions and runtimes"),
        Command("doctor", "report what this machine can build and run, and what disturbs measurements on it"),
        Command("ui", "start the web interface on this machine"),
        Command("completion", "print the script that completes etbench's command lines in a shell"),
    )
}
