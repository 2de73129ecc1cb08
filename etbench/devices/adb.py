"""An Android device that is connected through `adb`; its worker runs on this host, its rounds there.

A phone has no Python: only the native runner, which the user has compiled for it, and the programs are sent.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import msgspec

from etbench.artifact import program_files
from etbench.config.devices import AdbDevice
from etbench.devices import store
from etbench.devices.host import turn_of, worker_in_turn
from etbench.devices.lost_connections import LostConnections
from etbench.devices.sending import missing_there, send
from etbench.errors import EtbenchError
from etbench.host.adb import Adb, find_device
from etbench.host.remote import RemoteRunner
from etbench.host.shell_facts import shell_cores
from etbench.measure.protocol import MeasureRequest
from etbench.system.process import Worker

__all__ = ["Android"]

RUNNER = "etbench-runner"


class Android:
    """Measures on an Android device; files that are not there yet are sent once."""

    moves = False

    def __init__(self, device: AdbDevice, *, scratch: Path, log: Path, tell: Callable[[str], None]) -> None:
        self._device = device
        self._scratch = scratch
        self._log = log
        self._tell = tell
        self._serial = device.serial
        self._known_by = ""
        self._lost = LostConnections("connection to the Android device", device.retries, tell)

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Send the runner and the programs, and return the request with their paths there."""
        adb = self._found()
        programs = [program_files(Path(subject.folder)) for subject in request.subjects]
        entries = [{RUNNER: Path(self._device.runner)}, *programs]
        folders = [f"{self._device.folder}/{store.digest(files)}" for files in entries]
        files = {
            f"{folder}/{name}": path
            for folder, entry in zip(folders, entries, strict=True)
            for name, path in entry.items()
        }
        with turn_of(*self._machine, self._tell):  # sending would disturb a measurement there
            hint = f"check its free space: adb shell df {self._device.folder}"
            send(adb, files, missing_there(adb, files), self._tell, hint=hint)
        runner = f"{folders[0]}/{RUNNER}"
        cores = len(request.affinity or ()) or shell_cores(adb)
        subjects = [
            msgspec.structs.replace(
                subject,
                threads=subject.threads or cores,
                remote=RemoteRunner(shell=adb, runner=runner, folder=folder, affinity=request.affinity),
            )
            for subject, folder in zip(request.subjects, folders[1:], strict=True)
        ]
        return msgspec.structs.replace(request, subjects=subjects, affinity=None)

    def worker(self) -> AbstractContextManager[Worker]:
        """Provide the measuring process, which leaves nothing running on the device when it ends."""
        return worker_in_turn(*self._machine, scratch=self._scratch, log=self._log, tell=self._tell)

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Connect to the device again after it was lost, as often as `device.retries` allows."""
        return self._lost.connected_again(error, self._found, is_loss=lambda error: error.stage == "connect")

    @property
    def _machine(self) -> tuple[str, str]:
        """The name of the device for its lock, and for the user."""
        return f"adb-{self._known_by}", str(self._serial)

    def _found(self) -> Adb:
        """Return the device; from the first call on it stays the same one."""
        adb = find_device(self._device.adb, self._serial)
        self._serial, self._known_by = adb.serial, adb.machine
        return adb
