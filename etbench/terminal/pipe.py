"""Standard output and error: any text can be written to them, and nobody has to read it.

The reader of standard output may close the pipe, as `… | head` does, its disk may be full, the console may
know only ASCII, and the program may be started without a standard stream at all.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

__all__ = [
    "CLOSED_PIPE",
    "discard",
    "ending_with_the_reader",
    "is_of_the_output",
    "outliving_the_reader",
    "prepare_streams",
]

CLOSED_PIPE = 128 + 13  # the status that a shell reports for a program ended by SIGPIPE
OUTPUT = "standard output"


class _Output(io.FileIO):
    """Standard output; its errors name it."""

    def write(self, data: ReadableBuffer, /) -> int:
        try:
            return super().write(data)
        except OSError as error:
            error.filename = OUTPUT
            raise


class _Errors(io.FileIO):
    """Standard error; what cannot be written there is lost, and the program continues."""

    def write(self, data: ReadableBuffer, /) -> int:
        with suppress(OSError):
            return super().write(data)
        return memoryview(data).nbytes


def prepare_streams() -> None:
    r"""Make standard output and error of this process take any text, and name standard output in its errors.

    A character that the console does not know is written as an escape such as ``\xb1``. A stream that the
    process was started without becomes the null device, before another file gets its number.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)  # it gets the lowest free number
    sys.stdout = _prepared(sys.stdout, 1, _Output)
    sys.stderr = _prepared(sys.stderr, 2, _Errors)


def _prepared(stream: TextIO | None, number: int, kind: type[io.FileIO]) -> TextIO:
    """Return a stream of this kind in place of the interpreter's; any other one stays."""
    if stream is None:
        stream = io.TextIOWrapper(io.BufferedWriter(io.FileIO(number, "w", closefd=False)), encoding="utf-8")
    if type(stream) is not io.TextIOWrapper or stream.fileno() != number:
        return stream  # such as one that a test captures
    if isinstance(getattr(stream.buffer, "raw", None), kind):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(kind(number, "w", closefd=False)),
        encoding=stream.encoding,
        errors="backslashreplace",
        line_buffering=stream.line_buffering or stream.write_through,
    )


@contextmanager
def ending_with_the_reader() -> Iterator[None]:
    """Exit with `CLOSED_PIPE`, and without a traceback, if standard output is a closed pipe.

    As in https://docs.python.org/3/library/signal.html#note-on-sigpipe: what is still in Python's buffer
    is flushed here, where the error can be caught, and then discarded.

    Raises:
        OSError: if standard output cannot be written for another reason; see `is_of_the_output`.

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
    """Discard the rest of the output if it cannot be written, and continue after the block."""
    try:
        yield
        sys.stdout.flush()
    except OSError as error:
        if not is_of_the_output(error):
            raise
        discard(sys.stdout.fileno())


def is_of_the_output(error: OSError) -> bool:
    """Return whether standard output cannot be written: its reader is gone, or its disk is full."""
    return isinstance(error, BrokenPipeError) or error.filename == OUTPUT


def discard(descriptor: int) -> None:
    """Discard what is still written to a file descriptor."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)
