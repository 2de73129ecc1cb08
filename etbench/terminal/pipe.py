"""What happens when nobody reads standard output any more, as behind `… | head`."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CLOSED_PIPE", "discard", "ending_with_the_reader", "outliving_the_reader"]

CLOSED_PIPE = 128 + 13  # as a shell says of a program that SIGPIPE ended


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
        discard(sys.stdout.fileno())
        sys.exit(CLOSED_PIPE)


@contextmanager
def outliving_the_reader() -> Iterator[None]:
    """Leave out the rest of what is printed where nobody reads it any more, and go on behind it."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout.fileno())


def discard(descriptor: int) -> None:
    """Let go nowhere what is still written to a file descriptor."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
