"""Run tasks of the native runner on a machine without etbench, through its shell."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.artifact.layout import stored_inputs
from etbench.errors import EtbenchError
from etbench.host.adb import Adb
from etbench.host.board_facts import board_environment
from etbench.host.environment import Environment
from etbench.host.phone_facts import phone_environment
from etbench.host.remote import RemoteRunner
from etbench.host.ssh import SSH_FAILED
from etbench.measure.worker.round_process import in_program
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import EnergyTask, NativeTask, Task
from etbench.native.task import encode_task
from etbench.runtime.error_codes import explain
from etbench.system.exits import exit_description, status_from_shell

__all__ = ["on_remote", "remote_environment"]

T = TypeVar("T", bound=Struct)

# `adb shell` exits with the status of the program, as a shell does. If the device was lost there is none:
# `adb` then exits with 0, newer versions with 255, as `ssh` does.
NO_STATUS = (0, SSH_FAILED)
NOT_STARTED = (1, 126, 127)  # statuses of the linker and of the shell
RETURNED = "returned"  # the file in the folder of a program for what comes back
HELD = "held"  # tells the runner to end with its standard input


def on_remote(remote: RemoteRunner, task: Task | NativeTask, answer: type[T], supervision: Supervision) -> T:
    """Run the task on another machine; see `etbench.measure.worker.round_process.in_fresh_process`.

    Args:
        remote: the machine.
        task: the task, with the program's folder and files on this host.
        answer: the type of its answer.
        supervision: its stage, time limit and log.

    Raises:
        EtbenchError: of stage ``connect`` if the machine was lost; else that the reference inputs cannot be
            read, what the runner reported, the signal that killed it, or that it took too long.

    """
    if isinstance(task, EnergyTask):
        raise EtbenchError("energy is not measured on a device without Python", stage="energy")
    returned = {"file": f"{remote.folder}/{RETURNED}"} if isinstance(task, NativeTask) else {}
    there = msgspec.structs.replace(task, folder=remote.folder, **returned)
    asked = encode_task(there, stored_inputs(Path(task.folder), stage=supervision.stage))
    command, held = _command(remote, supervision.stage)
    try:
        found = in_program(command, asked, answer, supervision, dies_with_us=True, held=held)
    except EtbenchError as error:
        if error.kind == "ProcessDied":
            raise _ended(remote, error) from error
        if error.kind == "Timeout" and not remote.shell.attached:
            raise _lost(remote) from error
        error.hint = error.hint or explain(error.message)
        raise
    if isinstance(task, NativeTask):
        remote.shell.pull(returned["file"], task.file)
        remote.shell.shell(shlex.join(["rm", returned["file"]]))
    return found


def remote_environment(remote: RemoteRunner, *, threads: int, runtimes: list[str]) -> Environment:
    """Return the current facts about the machine; the other arguments come from the runner."""
    if isinstance(remote.shell, Adb):
        return phone_environment(remote.shell, threads=threads, runtimes=runtimes)
    return board_environment(
        remote.shell,
        remote.words("describe"),
        threads=threads,
        runtimes=runtimes,
        executorch=remote.executorch,
    )


def _command(remote: RemoteRunner, stage: str) -> tuple[list[str], bool]:
    """Return the command that runs the runner, and whether the runner ends with its standard input.

    On a phone it replaces the shell, so that a hang-up ends it; a session of `ssh` is not hung up on.
    """
    if isinstance(remote.shell, Adb):
        return remote.shell.command(f"exec {remote.words(stage)}"), False
    return remote.shell.command(remote.words(stage, HELD)), True


def _lost(remote: RemoteRunner) -> EtbenchError:
    error = remote.shell.error("the connection was lost")
    error.exit_status = SSH_FAILED
    return error


def _ended(remote: RemoteRunner, error: EtbenchError) -> EtbenchError:
    """Return the error of a lost connection, or else that of the process on the other machine."""
    status = error.exit_status
    if status is None or status in NO_STATUS or not remote.shell.attached:
        return _lost(remote)
    error.exit_status = status_from_shell(status)
    if error.exit_status < 0:
        error.message = f"the process of a round {exit_description(error.exit_status)}"
    elif status in NOT_STARTED:
        runner = "device.runner" if isinstance(remote.shell, Adb) else "the runner"
        error.hint = f"see the end of the log; is {runner} compiled for {remote.shell.machine}?"
    return error
