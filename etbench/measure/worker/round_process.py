"""The fresh process of a task, forked or spawned: the task goes in as JSON, its answer comes out as JSON.

A fork of this process is quick; where there is none or it is so wanted, a new interpreter runs this module.
Both go through `etbench.measure.worker.tasks.perform`. The native runner, a program of its own, is spawned.
"""

from __future__ import annotations

import math
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import explained
from etbench.measure.worker import fork
from etbench.measure.worker.supervision import Attendance
from etbench.measure.worker.tasks import NATIVE_TASKS, OutputsTask, Task, perform
from etbench.runtime.error_codes import explain
from etbench.system.process import Failure, die_with_parent, flush_printed

__all__ = [
    "MODULE",
    "Start",
    "in_fresh_process",
    "in_native",
    "in_spawned",
]

MODULE = "etbench.measure.worker.round_process"
Start = Literal["auto", "fork", "spawn"]
T = TypeVar("T", bound=Struct)


class _Said(Struct, frozen=True, tag="said", tag_field="message_type"):
    """A line about slow going, from a spawned process."""

    text: str


class _Answer(Struct, frozen=True, tag="answer", tag_field="message_type"):
    """The answer of a spawned process."""

    body: msgspec.Raw


_Message = _Said | _Answer | Failure


def in_fresh_process(
    task: Task | OutputsTask,
    answer: type[T],
    attendance: Attendance,
    *,
    start: Start,
    runner: str | None = None,
) -> T:
    """Do the task in a process that does nothing else and return its answer.

    Args:
        task: what to do.
        answer: the type of what comes of it.
        attendance: goes with it.
        start: ``fork`` from this process, which must not have started a thread pool, or ``spawn`` a new
            interpreter; ``auto`` forks where this system can.
        runner: the executable of the native runner, which does the task if it is one of `NATIVE_TASKS`.

    Raises:
        EtbenchError: what the task raised, the signal that killed its process, or that it took too long.

    """
    if runner is not None and isinstance(task, NATIVE_TASKS):
        return in_native(task, answer, attendance, runner=runner)
    assert not isinstance(task, OutputsTask)  # only the native runner is asked for that
    if start == "spawn" or not hasattr(os, "fork"):
        return in_spawned(task, answer, attendance)

    def work() -> T:
        found = perform(task, attendance.tell)
        assert isinstance(found, answer)
        return found

    return fork.in_fork(work, answer, attendance)


def in_native(task: Struct, answer: type[T], attendance: Attendance, *, runner: str) -> T:
    """Do the task in a process of the native runner; see `in_spawned`.

    Raises:
        EtbenchError: what the runner reported, the signal that killed its process, or that it took too long.

    """
    command = [runner, attendance.stage, str(time.monotonic_ns())]
    try:
        return in_spawned(task, answer, attendance, command=command)
    except EtbenchError as error:
        error.hint = error.hint or explain(error.message)
        raise


def in_spawned(
    task: Struct,
    answer: type[T],
    attendance: Attendance,
    *,
    command: Sequence[str] | None = None,
    dies_with_us: bool = False,
) -> T:
    """Do the task in a new interpreter; see `in_fresh_process`.

    Args:
        task: what to do.
        answer: the type of what comes of it.
        attendance: goes with it.
        command: starts another program than this module, with the same words on its pipes.
        dies_with_us: see to it that the program ends with this process; ours do so themselves.

    Raises:
        EtbenchError: what the task raised, the signal that killed its process, or that it took too long.

    """
    message: _Message | None = None
    with (
        Path(attendance.log).open("ab") if attendance.log else nullcontext() as chatter,
        subprocess.Popen(
            command or [sys.executable, "-m", MODULE, attendance.stage],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=chatter,
            preexec_fn=die_with_parent if dies_with_us else None,
        ) as child,
        _heartbeat(attendance.waiting),
        _killed_after(child, attendance.timeout_s) as late,
    ):
        try:
            for message in _messages(child, task):
                if isinstance(message, _Said):
                    attendance.tell(message.text)
        except BaseException:
            child.kill()
            raise
    if isinstance(message, _Answer):
        return msgspec.json.decode(message.body, type=answer)
    if isinstance(message, Failure):
        raise message.error()
    if late.is_set():
        raise attendance.late()
    raise attendance.died(child.returncode)


def _messages(child: subprocess.Popen[bytes], task: Struct) -> Iterator[_Message]:
    """Give the child its task and yield what it says in whole lines, until it has answered or died."""
    assert child.stdin is not None and child.stdout is not None
    with suppress(BrokenPipeError), child.stdin:  # it died before it read; its exit status says how
        child.stdin.write(msgspec.json.encode(task))
    whole = (line for line in child.stdout if line.endswith(b"\n"))
    yield from map(msgspec.json.Decoder(_Message).decode, whole)


@contextmanager
def _killed_after(child: subprocess.Popen[bytes], timeout_s: float) -> Iterator[threading.Event]:
    """Kill the child if the body takes longer; the event tells that this was so."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        child.kill()

    if timeout_s == math.inf:
        yield late
        return
    timer = threading.Timer(timeout_s, kill)
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()
        timer.join()  # this process may be forked next, and a thread does not survive that


@contextmanager
def _heartbeat(waiting: Callable[[float], None]) -> Iterator[None]:
    """Call the function every 15 s until the body is done."""
    begun, done = time.monotonic(), threading.Event()

    def beat() -> None:
        while not done.wait(fork.HEARTBEAT_S):
            waiting(time.monotonic() - begun)

    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def main() -> None:
    """Be a spawned process: read a task from standard input, do it, answer on standard output.

    The first argument is the stage that errors name which do not say one. What a library prints goes to
    standard error, which is the log.
    """
    die_with_parent()
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=channel.close)  # what is forked here may outlive the answer

    def send(message: Struct) -> None:
        channel.write(msgspec.json.encode(message) + b"\n")

    try:
        task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
        import executorch.kernels.quantized  # noqa: F401  registers the kernels of int8 on portable

        found = perform(task, lambda text: send(_Said(text)))
        send(_Answer(msgspec.Raw(msgspec.json.encode(found))))
    except BaseException as error:  # the border of the process: every failure becomes a message
        send(Failure.of(explained(error, sys.argv[1])))
    flush_printed()
    os._exit(0)  # destructors of native libraries have crashed here, after the work was done


if __name__ == "__main__":
    main()
