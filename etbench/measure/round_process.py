"""What a fresh process is asked for, and the process itself: a task in as JSON, its answer out as JSON.

`perform` does a task here; `in_fresh_process` does it in a fork of this process or, where there is no fork or
it is so wanted, in a new interpreter that runs this module. Both go through `perform`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import explained
from etbench.measure import fork
from etbench.process import Failure, die_with_parent, exit_description

__all__ = [
    "CheckTask",
    "EnergyTask",
    "LoadTask",
    "MemoryTask",
    "ProfileTask",
    "RoundTask",
    "Start",
    "Task",
    "in_fresh_process",
    "in_spawned",
    "perform",
]

MODULE = "etbench.measure.round_process"
Start = Literal["auto", "fork", "spawn"]
T = TypeVar("T", bound=Struct)


class _Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="task"):
    """Something to do with the artifact in a folder; `threads` are of the runtime's pool."""

    folder: str
    threads: int


class CheckTask(_Task, frozen=True, kw_only=True, tag="check"):
    """Compare the outputs with the reference: `etbench.measure.passes.check`."""

    logits_axis: int | None


class RoundTask(_Task, frozen=True, kw_only=True, tag="round"):
    """Time inferences: `etbench.measure.passes.time_round`."""

    samples: int
    at_least: int
    warmup: int | Literal["stable"]
    time_left_s: float


class LoadTask(_Task, frozen=True, kw_only=True, tag="load"):
    """Time the load: `etbench.measure.load_time.time_load`."""

    cold: bool


class MemoryTask(_Task, frozen=True, kw_only=True, tag="memory"):
    """Take the memory: `etbench.measure.memory.measure_memory`."""


class EnergyTask(_Task, frozen=True, kw_only=True, tag="energy"):
    """Take the energy: `etbench.measure.energy.measure_energy`."""

    seconds: float


class ProfileTask(_Task, frozen=True, kw_only=True, tag="profile"):
    """Time the operators: `etbench.measure.profiling.profile_program`."""


Task = CheckTask | RoundTask | LoadTask | MemoryTask | EnergyTask | ProfileTask


class _Said(Struct, frozen=True, tag="said", tag_field="message_type"):
    """A line about slow going, from a spawned process."""

    text: str


class _Answer(Struct, frozen=True, tag="answer", tag_field="message_type"):
    """The answer of a spawned process."""

    body: msgspec.Raw


def perform(task: Task, tell: Callable[[str], None]) -> Struct:
    """Do the task in this process and return its answer.

    Args:
        task: what to do.
        tell: gets a line about slow going.

    Raises:
        EtbenchError: of the stage that failed.

    """
    folder = Path(task.folder)
    match task:
        case CheckTask():
            from etbench.measure.passes import check

            return check(folder, task.threads, task.logits_axis)
        case RoundTask():
            from etbench.measure.passes import time_round

            return time_round(
                folder,
                task.threads,
                samples=task.samples,
                at_least=task.at_least,
                warmup=task.warmup,
                time_left_s=task.time_left_s,
                tell=tell,
            )
        case LoadTask():
            from etbench.measure.load_time import time_load

            return time_load(folder, task.threads, cold=task.cold)
        case MemoryTask():
            from etbench.measure.memory import measure_memory

            return measure_memory(folder, task.threads)
        case EnergyTask():
            from etbench.measure.energy import measure_energy

            return measure_energy(folder, task.threads, seconds=task.seconds)
        case ProfileTask():
            from etbench.measure.profiling import profile_program

            return profile_program(folder, task.threads)


def in_fresh_process(
    task: Task,
    answer: type[T],
    *,
    start: Start,
    stage: str,
    waiting: Callable[[float], None],
    tell: Callable[[str], None],
) -> T:
    """Do the task in a process that does nothing else and return its answer.

    Args:
        task: what to do.
        answer: the type of what comes of it.
        start: ``fork`` from this process, which must not have started a thread pool, or ``spawn`` a new
            interpreter; ``auto`` forks where this system can.
        stage: named in errors.
        waiting: is called every 15 s with the seconds it has taken so far.
        tell: gets a line about slow going.

    Raises:
        EtbenchError: what the task raised, or the signal that killed its process.

    """
    if start == "spawn" or not hasattr(os, "fork"):
        return in_spawned(task, answer, stage=stage, waiting=waiting, tell=tell)

    def work() -> T:
        found = perform(task, tell)
        assert isinstance(found, answer)
        return found

    return fork.in_fork(work, answer, stage=stage, waiting=waiting)


def in_spawned(
    task: Task,
    answer: type[T],
    *,
    stage: str,
    waiting: Callable[[float], None],
    tell: Callable[[str], None],
) -> T:
    """Do the task in a new interpreter; see `in_fresh_process`. What it prints goes to standard error."""
    decoder = msgspec.json.Decoder(_Said | _Answer | Failure)
    message: _Said | _Answer | Failure | None = None
    with (
        subprocess.Popen(
            [sys.executable, "-m", MODULE, stage], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as child,
        _heartbeat(waiting),
    ):
        assert child.stdin is not None and child.stdout is not None
        try:
            with child.stdin:
                child.stdin.write(msgspec.json.encode(task))
            for line in child.stdout:
                message = decoder.decode(line)
                if isinstance(message, _Said):
                    tell(message.text)
        except BrokenPipeError:
            pass  # it died before it read the task; its exit status says how
        except BaseException:
            child.kill()
            raise
    if isinstance(message, _Answer):
        return msgspec.json.decode(message.body, type=answer)
    if isinstance(message, Failure):
        raise message.error()
    raise EtbenchError(
        f"the process of a round {exit_description(child.returncode)}",
        stage=stage,
        kind="ProcessDied",
        hint="the log has its last words; a kill without a word is often the kernel, out of memory",
    )


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

    def send(message: Struct) -> None:
        channel.write(msgspec.json.encode(message) + b"\n")

    try:
        task = msgspec.json.decode(sys.stdin.buffer.read(), type=Task)
        import executorch.kernels.quantized  # noqa: F401  registers the kernels of int8 on portable

        found = perform(task, lambda text: send(_Said(text)))
        send(_Answer(msgspec.Raw(msgspec.json.encode(found))))
    except Exception as error:  # the border of the process: every failure becomes a message
        send(Failure.of(explained(error, sys.argv[1])))
    sys.stderr.flush()
    os._exit(0)  # destructors of native libraries have crashed here, after the work was done


if __name__ == "__main__":
    main()
