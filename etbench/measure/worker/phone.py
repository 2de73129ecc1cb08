"""Run tasks of the native runner on an Android device through `adb`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.artifact.layout import stored_inputs
from etbench.errors import EtbenchError
from etbench.host.adb import Phone
from etbench.measure.worker.round_process import in_program
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import EnergyTask, OutputsTask, Task
from etbench.native.task import encode_task
from etbench.runtime.error_codes import explain
from etbench.system.exits import exit_description, status_from_shell

__all__ = ["on_phone"]

T = TypeVar("T", bound=Struct)

# `adb shell` exits with the status of the program, as a shell does. If the device was lost there is none:
# `adb` then exits with 0, newer versions with 255.
NO_STATUS = (0, 255)
NOT_STARTED = (1, 126, 127)  # statuses of Android's linker and of its shell
OUTPUTS = "outputs.safetensors"


def on_phone(phone: Phone, task: Task | OutputsTask, answer: type[T], supervision: Supervision) -> T:
    """Run the task on a device; see `etbench.measure.worker.round_process.in_fresh_process`.

    Args:
        phone: the device.
        task: the task, with the program's folder and files on this host.
        answer: the type of its answer.
        supervision: its stage, time limit and log.

    Raises:
        EtbenchError: of stage ``connect`` if the device was lost; else that the reference inputs cannot be
            read, what the runner reported, the signal that killed it, or that it took too long.

    """
    if isinstance(task, EnergyTask):
        raise EtbenchError("energy is not measured on a device that is connected through adb", stage="energy")
    outputs = {"file": f"{phone.folder}/{OUTPUTS}"} if isinstance(task, OutputsTask) else {}
    there = msgspec.structs.replace(task, folder=phone.folder, **outputs)
    asked = encode_task(there, stored_inputs(Path(task.folder), stage=supervision.stage))
    command = phone.adb.command(_words(phone, supervision.stage))
    try:
        found = in_program(command, asked, answer, supervision, dies_with_us=True)
    except EtbenchError as error:
        if error.kind == "ProcessDied":
            raise _ended(phone, error) from error
        if error.kind == "Timeout" and not phone.adb.attached:
            raise phone.adb.error("the connection was lost") from error
        error.hint = error.hint or explain(error.message)
        raise
    if isinstance(task, OutputsTask):
        phone.adb.pull(outputs["file"], task.file)
        phone.adb.shell(shlex.join(["rm", outputs["file"]]))
    return found


def _words(phone: Phone, stage: str) -> str:
    """Return the command for the device's shell; the runner replaces the shell, so that a hang-up ends it."""
    pinned = ["taskset", f"{sum(1 << cpu for cpu in phone.affinity):x}"] if phone.affinity else []
    return shlex.join(["exec", *pinned, phone.runner, stage])


def _ended(phone: Phone, error: EtbenchError) -> EtbenchError:
    """Return the error of a lost connection, or else that of the process on the device."""
    status = error.exit_status
    if status is None or status in NO_STATUS or not phone.adb.attached:
        return phone.adb.error("the connection was lost")
    error.exit_status = status_from_shell(status)
    if error.exit_status < 0:
        error.message = f"the process of a round {exit_description(error.exit_status)}"
    elif status in NOT_STARTED:
        error.hint = f"see the end of the log; is device.runner compiled for {phone.adb.serial}?"
    return error
