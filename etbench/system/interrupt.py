"""Ctrl-C and SIGTERM: recorded when they arrive, so that they end a run even if Python loses the exception.

The exception that a signal handler raises can get lost: in a callback of a weak reference, which each import
calls, Python prints "Exception ignored in …" and continues; a C extension may turn it into an ImportError. So
the signal is recorded as well, and a run checks the record wherever something happens.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from types import FrameType
from typing import NoReturn

from etbench.system.channel import die_with_parent

__all__ = ["call", "ending_by_signals", "interrupted", "raise_if_interrupted"]

SIGNALS = (signal.SIGINT, signal.SIGTERM)


@dataclass
class _Note:
    by: int | None = None  # the first signal that arrived


_note = _Note()


@contextmanager
def ending_by_signals() -> Iterator[None]:
    """Let SIGINT and SIGTERM end the body, which cleans up, and then the process with status 130 or 143.

    The status does not depend on the fate of the exception or of the cells. A second signal ends the process
    at once, together with its children. SIGINT stays ignored if it is, as in background jobs of a shell.
    """
    _note.by = None
    heard = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    try:
        try:
            for number in heard:
                signal.signal(number, _interrupt)
            yield
        finally:
            _hear_no_more(heard)
    except BaseException:
        _hear_no_more(heard)  # the signal may have arrived during the `finally` above
        if _note.by is not None:
            sys.exit(_status(_note.by))
        raise
    if _note.by is not None:
        sys.exit(_status(_note.by))


def call(command: Sequence[str]) -> int:
    """Run a command that ends with this process, and return its exit status.

    SIGINT and SIGTERM are passed on, and end this process as soon as the command has cleaned up. It has a
    process group of its own, so that Ctrl-C in a terminal reaches it once, and not twice.
    """
    ends_with_us = partial(die_with_parent, os.getpid()) if sys.platform == "linux" else None
    with (
        ending_by_signals(),
        subprocess.Popen(command, process_group=0, preexec_fn=ends_with_us) as process,
    ):
        try:
            return process.wait()
        except BaseException:
            if _note.by is not None:
                process.send_signal(_note.by)
            raise


def interrupted() -> bool:
    """Return whether a signal has arrived that ends this process."""
    return _note.by is not None


def raise_if_interrupted() -> None:
    """Raise the signal's exception again, in case it got lost; may be called from any thread."""
    if _note.by is not None:
        _raise(_note.by)


def _interrupt(number: int, _: FrameType | None) -> None:
    """Record the first signal and raise its exception; exit at once at the second, of either kind."""
    if _note.by is not None:
        os._exit(_status(_note.by))
    _note.by = number
    _raise(number)


def _raise(number: int) -> NoReturn:
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    sys.exit(_status(number))


def _hear_no_more(numbers: list[signal.Signals]) -> None:
    for number in numbers:
        signal.signal(number, signal.SIG_IGN)  # all is written; another signal would change the status


def _status(number: int) -> int:
    return 128 + number
