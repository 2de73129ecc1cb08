"""The machine on which the processes of a subject run: this one, or one that is connected to it."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import msgspec
from msgspec import Struct

from etbench.host.environment import Environment, read_environment
from etbench.host.load import MachineNow, machine_now
from etbench.host.remote import RemoteRunner
from etbench.host.shell_facts import shell_now
from etbench.measure.pass_results import PROFILED_LEAST, PROFILED_MOST, PROFILED_S
from etbench.measure.protocol import CheckPass, OtherInterpreter, Subject, Traced
from etbench.measure.worker.remote import on_remote, remote_environment
from etbench.measure.worker.round_process import Start, in_fresh_process, in_native, started
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import NATIVE_TASKS, NativeTask, ParityTask, ProfileTask, Task, TraceTask
from etbench.system.orphans import end_orphans

__all__ = ["Machine", "machine_of"]

T = TypeVar("T", bound=Struct)


class Machine(Protocol):
    """Runs the tasks of a subject, each in a fresh process, and describes itself."""

    def run(self, task: Task | NativeTask, answer: type[T], supervision: Supervision) -> T:
        """Run a task; see `etbench.measure.worker.round_process.in_fresh_process`."""

    def environment(self, check: CheckPass) -> Environment:
        """Return its facts, those of the runtime from a process that has loaded it."""

    def now(self) -> MachineNow:
        """Return its current state."""


def machine_of(asked: Subject, start: Start) -> Machine:
    """Return the machine that a subject is measured on; `start` is how processes are started on this host."""
    here = _Here(start, asked.runner, asked.other_interpreter)
    return _There(here, asked.remote) if asked.remote else here


class _Here:
    """The machine that this process runs on."""

    def __init__(self, start: Start, runner: str | None, other_interpreter: OtherInterpreter | None) -> None:
        self._start: Literal["fork", "spawn"] = started(start)
        self._runner = runner
        self._other_interpreter = other_interpreter

    def run(self, task: Task | NativeTask, answer: type[T], supervision: Supervision) -> T:
        try:
            if self._runner is not None and isinstance(task, NATIVE_TASKS):
                return in_native(task, answer, supervision, runner=self._runner)
            assert not isinstance(task, NativeTask)  # only the native runner has these tasks
            python = None
            if self._other_interpreter:
                python = self._other_interpreter.python
                task = msgspec.structs.replace(task, binding=self._other_interpreter.binding)
            return in_fresh_process(task, answer, supervision, start=self._start, python=python)
        finally:
            end_orphans()  # they would disturb the next round

    def environment(self, check: CheckPass) -> Environment:
        runner = "native" if self._runner else "python"
        found = read_environment(threads=check.threads, runtimes=check.runtimes, runner=runner)
        found = self._other_interpreter.described(found) if self._other_interpreter else found
        start = None if self._runner else self._start
        return msgspec.structs.replace(found, binding=check.binding, start=start)

    def now(self) -> MachineNow:
        return machine_now()


class _There:
    """A machine without etbench; its outputs are compared with the reference on this host."""

    def __init__(self, here: _Here, remote: RemoteRunner) -> None:
        self._here = here
        self._remote = remote

    def run(self, task: Task | NativeTask, answer: type[T], supervision: Supervision) -> T:
        if isinstance(task, ParityTask):
            return self._here.run(task, answer, supervision)
        if isinstance(task, ProfileTask):
            return self._profile(task, answer, supervision)
        return on_remote(self._remote, task, answer, supervision)

    def _profile(self, task: ProfileTask, answer: type[T], supervision: Supervision) -> T:
        """Record the times of the operators there, and read them on this host."""
        with tempfile.TemporaryDirectory() as scratch:
            file = str(Path(scratch) / "trace.etdump")
            traced = TraceTask(
                folder=task.folder,
                threads=task.threads,
                runtime=task.runtime,
                file=file,
                samples=PROFILED_MOST,
                at_least=PROFILED_LEAST,
                time_left_s=PROFILED_S,
            )
            on_remote(self._remote, traced, Traced, supervision)
            return self._here.run(msgspec.structs.replace(task, file=file), answer, supervision)

    def environment(self, check: CheckPass) -> Environment:
        return remote_environment(self._remote, threads=check.threads, runtimes=check.runtimes)

    def now(self) -> MachineNow:
        return shell_now(self._remote.shell)
