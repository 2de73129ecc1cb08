"""Standard output and error: how wide they are, and what happens when their reader leaves."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text

__all__ = [
    "CLOSED_PIPE",
    "ending_with_the_reader",
    "outliving_the_reader",
    "plain_console",
    "progress_console",
]

CLOSED_PIPE = 128 + 13  # as a shell says of a program that SIGPIPE ended
UNBOUNDED = 10_000  # characters


class _OutputConsole(Console):
    def on_broken_pipe(self) -> None:
        """Leave it to the command; rich's own way ends with 1, which says that a cell failed."""
        raise BrokenPipeError


class _ProgressConsole(Console):
    def on_broken_pipe(self) -> None:
        """Be silent from now on: a run does not need anyone to watch it."""
        self.quiet = True
        _discard(sys.stderr.fileno())


def plain_console() -> Console:
    """Return a console for standard output.

    It is as wide as the terminal, or as COLUMNS says; a pipe or file without COLUMNS has no bounds, so that
    nothing is wrapped or left out there.
    """
    console = _OutputConsole(highlight=False, soft_wrap=True)
    if not console.file.isatty() and not os.environ.get("COLUMNS", "").isdigit():
        console.width = UNBOUNDED
    return console


def progress_console() -> Console:
    """Return a console for standard error, for what a run tells while it goes on."""
    return _ProgressConsole(stderr=True, highlight=False, soft_wrap=True)


def say(console: Console, text: str | Text) -> None:
    """Print a sentence: it wraps at words on a terminal, and stays a line elsewhere."""
    console.print(text, soft_wrap=not console.is_terminal)


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """Exit with `CLOSED_PIPE`, and without a traceback, where standard output is a pipe that was closed.

    The way of https://docs.python.org/3/library/signal.html#note-on-sigpipe: what is still in Python's buffer
    is flushed here, where the error can be caught, and then goes nowhere.
    """
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout.fileno())
        sys.exit(CLOSED_PIPE)


@contextmanager
def outliving_the_reader() -> Iterator[None]:
    """Leave out the rest of what is printed where nobody reads it any more, and go on behind it."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        _discard(sys.stdout.fileno())


def _discard(descriptor: int) -> None:
    """Let go nowhere what is still written to a file descriptor."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
