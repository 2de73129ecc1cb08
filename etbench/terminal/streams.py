"""Consoles for standard output and error: how wide they are, and how text wraps on them."""

from __future__ import annotations

import os
import sys

from rich.console import Console
from rich.text import Text

from etbench.terminal.pipe import discard

__all__ = ["UNBOUNDED", "plain_console", "progress_console", "say"]

UNBOUNDED = 10_000  # characters


class _OutputConsole(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command; rich itself would exit with 1, the status for a failed cell."""
        raise BrokenPipeError


class _ProgressConsole(Console):
    def on_broken_pipe(self) -> None:
        """Print nothing from now on, and continue the run."""
        self.quiet = True
        discard(sys.stderr.fileno())


def plain_console() -> Console:
    """Return a console for standard output.

    It is as wide as the terminal, or as COLUMNS; a pipe or file without COLUMNS has no limit, so nothing is
    wrapped or left out there. COLUMNS=0 means the same: some CI systems set it.
    """
    console = _OutputConsole(highlight=False, soft_wrap=True)
    if console.width < 1 or (not console.file.isatty() and not os.environ.get("COLUMNS", "").isdigit()):
        console.width = UNBOUNDED
    return console


def progress_console() -> Console:
    """Return a console for standard error, for the progress of a run."""
    console = _ProgressConsole(stderr=True, highlight=False, soft_wrap=True)
    if console.width < 1:
        console.width = UNBOUNDED
    return console


def say(console: Console, text: str | Text) -> None:
    """Print a sentence: wrapped at words if the console has a width, otherwise in one line."""
    sentence = console.render_str(text) if isinstance(text, str) else text
    lines = [sentence] if console.width >= UNBOUNDED else sentence.wrap(console, console.width)
    for line in lines:
        line.rstrip()
        console.print(line, soft_wrap=True)
