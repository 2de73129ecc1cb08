"""Run a function in a forked process and bring its answer back, however that process ends."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import explained
from etbench.process import Failure, die_with_parent, exit_description

__all__ = ["in_fork"]

T = TypeVar("T", bound=Struct)


HEARTBEAT_S = 15.0


def in_fork(function: Callable[[], T], answer: type[T], *, stage: str, waiting: Callable[[float], None]) -> T:
    """Call the function in a fork of this process and return its answer.

    The caller must not have started a thread pool: threads do not survive a fork.

    Args:
        function: what to do; it may use all that this process has imported.
        answer: the type it returns.
        stage: named in errors.
        waiting: is called every 15 s with the seconds it has taken so far.

    Raises:
        EtbenchError: what the function raised, or the signal that killed its process.

    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _be_the_child(function, write_end, stage)
    os.close(write_end)
    body = _read_all(read_end, waiting)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    if code == 0:
        return msgspec.json.decode(body, type=answer)
    if code == _REPORTED:
        raise msgspec.json.decode(body, type=Failure).error()
    raise EtbenchError(
        f"the process of a round {exit_description(code)}",
        stage=stage,
        kind="ProcessDied",
        hint="the log has its last words; a kill without a word is often the kernel, out of memory",
    )


_REPORTED = 17


def _read_all(read_end: int, waiting: Callable[[float], None]) -> bytes:
    """Read the pipe to its end, which comes when the child has answered or died."""
    begun = time.monotonic()
    parts: list[bytes] = []
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        while True:
            ready, _, _ = select.select([pipe], [], [], HEARTBEAT_S)
            if not ready:
                waiting(time.monotonic() - begun)
            elif part := pipe.read(1 << 16):
                parts.append(part)
            else:
                return b"".join(parts)


def _be_the_child(function: Callable[[], Struct], pipe: int, stage: str) -> None:
    die_with_parent()
    try:
        body, code = msgspec.json.encode(function()), 0
    except Exception as error:  # the border of the process: every failure becomes a message
        body, code = msgspec.json.encode(Failure.of(explained(error, stage))), _REPORTED
    with os.fdopen(pipe, "wb") as out:
        out.write(body)
    os._exit(code)
