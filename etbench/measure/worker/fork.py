"""Run a function in a forked process and bring its answer back, however that process ends."""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import explained
from etbench.measure.worker.supervision import Attendance
from etbench.system.process import Failure, die_with_parent, flush_printed, print_to

__all__ = ["in_fork"]

T = TypeVar("T", bound=Struct)

HEARTBEAT_S = 15.0
_REPORTED = 17  # exit status of a child that wrote down why it failed


def in_fork(function: Callable[[], T], answer: type[T], attendance: Attendance) -> T:
    """Call the function in a fork of this process and return its answer.

    The caller must not have started a thread pool: threads do not survive a fork.

    Args:
        function: what to do; it may use all that this process has imported.
        answer: the type it returns.
        attendance: goes with it; what is told is the function's own affair.

    Raises:
        EtbenchError: what the function raised, the signal that killed its process, or that it took too long.

    """
    read_end, write_end = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        os.close(read_end)
        die_with_parent(parent)
        _be_the_child(function, write_end, attendance)
    os.close(write_end)
    try:
        body = _read_all(read_end, attendance)
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        raise attendance.late() from None
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    try:
        if code == 0:
            return msgspec.json.decode(body, type=answer)
        if code == _REPORTED:
            raise msgspec.json.decode(body, type=Failure).error()
    except msgspec.DecodeError as error:
        raise EtbenchError(
            f"the process of a round wrote {body[:80]!r}, which is no answer",
            stage=attendance.stage,
            kind="Garbage",
        ) from error
    raise attendance.died(code)


def _read_all(read_end: int, attendance: Attendance) -> bytes:
    """Read the pipe to its end, which comes when the child has answered or died.

    Raises:
        TimeoutError: if that is not in time.

    """
    begun = time.monotonic()
    parts: list[bytes] = []
    with os.fdopen(read_end, "rb", buffering=0) as pipe:
        while True:
            left = begun + attendance.timeout_s - time.monotonic()
            if left <= 0:
                raise TimeoutError
            ready, _, _ = select.select([pipe], [], [], min(HEARTBEAT_S, left))
            if not ready:
                attendance.waiting(time.monotonic() - begun)
            elif part := pipe.read(1 << 16):
                parts.append(part)
            else:
                return b"".join(parts)


def _be_the_child(function: Callable[[], Struct], pipe: int, attendance: Attendance) -> None:
    print_to(attendance.log)
    out = os.fdopen(pipe, "wb")
    os.register_at_fork(after_in_child=out.close)  # forks of this one, a pool's say, may outlive the answer
    try:
        body, code = msgspec.json.encode(function()), 0
    except BaseException as error:  # the border of the process, which must not go on as its parent
        body, code = msgspec.json.encode(Failure.of(explained(error, attendance.stage))), _REPORTED
    flush_printed()
    out.write(body)
    out.flush()
    os._exit(code)  # only now the pipe ends, so that a child which never gets here is late, not waited for
