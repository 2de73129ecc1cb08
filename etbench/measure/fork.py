"""Run a function in a forked process and bring its answer back, however that process ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import explained
from etbench.process import Failure, die_with_parent, exit_description

__all__ = ["in_fork"]

T = TypeVar("T", bound=Struct)


def in_fork(function: Callable[[], T], answer: type[T], *, stage: str) -> T:
    """Call the function in a fork of this process and return its answer.

    The caller must not have started a thread pool: threads do not survive a fork.

    Raises:
        EtbenchError: what the function raised, or the signal that killed its process.
    """
    read_end, write_end = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(read_end)
        _be_the_child(function, write_end, stage)
    os.close(write_end)
    with os.fdopen(read_end, "rb") as pipe:
        body = pipe.read()
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


def _be_the_child(function: Callable[[], Struct], pipe: int, stage: str) -> None:
    die_with_parent()
    try:
        body, code = msgspec.json.encode(function()), 0
    except Exception as error:  # the border of the process: every failure becomes a message
        body, code = msgspec.json.encode(Failure.of(explained(error, stage))), _REPORTED
    with os.fdopen(pipe, "wb") as out:
        out.write(body)
    os._exit(code)
