"""Run a task in a fresh process, forked or spawned, that sends its answer as JSON.

A fork of this process is quick; if the system cannot fork, or if wanted, a new interpreter runs this module.
Both call `etbench.measure.worker.tasks.perform`. The native runner, a separate program, is spawned;
`etbench.native.task` writes its tasks.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from etbench.artifact.layout import stored_inputs
from etbench.errors import EtbenchError
from etbench.measure.worker import fork
from etbench.measure.worker.supervision import Supervision, answer_from
from etbench.measure.worker.tasks import NativeTask, Task, perform
from etbench.native.task import encode_task
from etbench.runtime.error_codes import explain
from etbench.system.channel import Channel, die_with_parent
from etbench.system.interpreters import command_of

__all__ = [
    "MODULE",
    "Start",
    "in_fresh_process",
    "in_native",
    "in_program",
    "in_spawned",
    "started",
]

MODULE = "etbench.measure.worker.round_process"
Start = Literal["auto", "fork", "spawn"]
T = TypeVar("T", bound=Struct)


def in_fresh_process(
    task: Task,
    answer: type[T],
    supervision: Supervision,
    *,
    start: Start,
    python: str | None = None,
) -> T:
    """Run the task in a process that does nothing else and return its answer.

    Args:
        task: the task.
        answer: the type of its answer.
        supervision: its stage, time limit and log.
        start: ``fork`` from this process, which must not have started a thread pool, or ``spawn`` a new
            interpreter; ``auto`` forks where this system can.
        python: the interpreter to spawn; this one if it is not given, or if this process is forked.

    Raises:
        EtbenchError: what the task raised, the signal that killed its process, or that it took too long.

    """
    if started(start) == "spawn":
        return in_spawned(task, answer, supervision, python=python)

    def work(tell: Callable[[str], None]) -> T:
        found = perform(task, tell)
        assert isinstance(found, answer)
        return found

    return fork.in_fork(work, answer, supervision)


def in_native(task: Task | NativeTask, answer: type[T], supervision: Supervision, *, runner: str) -> T:
    """Run the task in a process of the native runner; see `in_program`.

    Raises:
        EtbenchError: that the reference inputs cannot be read, what the runner reported, the signal that
            killed its process, or that it took too long.

    """
    # Before the start is timed, so that this does not count as the runner's own start.
    asked = encode_task(task, stored_inputs(Path(task.folder), stage=supervision.stage))
    command = [runner, supervision.stage, str(time.monotonic_ns())]
    try:
        return in_program(command, asked, answer, supervision)
    except EtbenchError as error:
        error.hint = error.hint or explain(error.message)
        raise


def started(start: Start) -> Literal["fork", "spawn"]:
    """Return how a process is started on this system."""
    return "spawn" if start == "spawn" or not hasattr(os, "fork") else "fork"


def in_spawned(task: Task, answer: type[T], supervision: Supervision, *, python: str | None = None) -> T:
    """Run the task in a new interpreter; see `in_fresh_process`.

    Raises:
        EtbenchError: what the task raised, the signal that killed its process, or that it took too long.

    """
    command = command_of(MODULE, supervision.stage, python=python)
    return in_program(command, msgspec.json.encode(task), answer, supervision)


def in_program(
    command: Sequence[str],
    asked: bytes,
    answer: type[T],
    supervision: Supervision,
    *,
    dies_with_us: bool = False,
    held: bool = False,
) -> T:
    """Run a task in a new process of any program that answers as `main` does.

    Args:
        command: starts it.
        asked: the task, in the format that the program reads from its standard input.
        answer: the type of its answer.
        supervision: its stage, time limit and log.
        dies_with_us: kill the program when this process ends; etbench's own programs do that themselves.
        held: leave its standard input open until it has answered, since it ends with it.

    Raises:
        EtbenchError: what the program reported, the signal that killed its process, or that it took too long.

    """
    with (
        Path(supervision.log).open("ab") if supervision.log else nullcontext() as chatter,
        subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=chatter,
            preexec_fn=die_with_parent if dies_with_us else None,
        ) as child,
    ):
        assert child.stdin is not None and child.stdout is not None
        try:
            # A BrokenPipeError means that it died before it read: its exit status shows how.
            with suppress(BrokenPipeError), nullcontext() if held else child.stdin:
                child.stdin.write(asked)  # the pipe buffers 64 KiB, whether they are read or not
                child.stdin.flush()
            found = answer_from(child.stdout.fileno(), answer, supervision, lambda: child.poll() is not None)
        except BaseException as error:
            child.kill()
            if isinstance(error, TimeoutError):
                raise supervision.late() from None
            raise
        finally:
            with suppress(BrokenPipeError):
                child.stdin.close()
    if found is None:
        raise supervision.died(child.returncode)
    return found


def main() -> None:
    """Run as a spawned process: read a task from standard input, run it, answer on standard output.

    The first argument is the stage of errors that do not name one. The output of libraries goes to
    standard error, which is the log.
    """
    channel = Channel.in_place_of_stdout()

    def work() -> Struct:
        task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
        from etbench.runtime.program import preload

        preload(task.executor)
        return perform(task, channel.say)

    channel.answer(work, stage=sys.argv[1])
    channel.end()


if __name__ == "__main__":
    main()
