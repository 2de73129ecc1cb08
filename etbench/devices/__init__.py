"""The machines that run the rounds: this host, or another machine while the programs are built here.

Each kind of device (`conf/device`) is a `Place`: it sends programs to the machine and starts its worker.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from etbench.config import Device
from etbench.config.devices import AdbDevice, RayDevice, SshDevice
from etbench.devices.board_preparation import BoardRunner
from etbench.measure.place import Place

__all__ = ["place"]


def place(
    device: Device,
    tell: Callable[[str], None],
    *,
    scratch: Path,
    log: Path,
    board_runner: BoardRunner | None = None,
) -> Place:
    """Return the place for a device of the configuration.

    Args:
        device: the device of the cells.
        tell: receives a line when the user must wait.
        scratch: an existing folder for temporary files.
        log: the file for what the measuring process prints outside the rounds.
        board_runner: the runner for a machine that is reached over `ssh` and needs no Python.

    """
    if isinstance(device, SshDevice) and board_runner:
        from etbench.devices.board import BoardHost

        return BoardHost(device, board_runner, scratch=scratch, log=log, tell=tell)
    if isinstance(device, SshDevice):
        from etbench.devices.ssh import SshHost

        return SshHost(device, scratch=scratch, log=log, tell=tell)
    if isinstance(device, AdbDevice):
        from etbench.devices.adb import Android

        return Android(device, scratch=scratch, log=log, tell=tell)
    if isinstance(device, RayDevice):
        from etbench.devices.ray import RayNode

        return RayNode(device, tell=tell)
    from etbench.devices.host import Host

    return Host(scratch=scratch, log=log, tell=tell)
