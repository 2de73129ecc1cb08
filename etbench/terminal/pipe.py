"""What happens when the reader of standard output closes the pipe, as `… | head` does."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["CLOSED_PIPE", "discard", "ending_with_the_reader", "outliving_the_reader"]

CLOSED_PIPE = 128 + 13  # the status that a shell reports for a program ended by SIGPIPE


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """Exit with `CLOSED_PIPE`, and without a traceback, if standard output is a closed pipe.

    As in https://docs.python.org/3/library/signal.html#note-on-sigpipe: what is still in Python's buffer
    is flushed here, where the error can be caught, and then discarded.
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
    """Discard the rest of the output if the reader has closed the pipe, and continue after the block."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        discard(sys.stdout.fileno())


def discard(descriptor: int) -> None:
    """Discard what is still written to a file descriptor."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
