"""Where the rounds are run: on this host, or on another machine while the programs are built here.

A kind of device (`conf/device`) is a `Place`: it says how programs get there and how its worker is started.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from etbench.config import Device
from etbench.config.devices import AdbDevice, RayDevice, SshDevice
from etbench.errors import EtbenchError
from etbench.events import OnEvent
from etbench.measure.protocol import Measured, MeasureRequest

__all__ = ["Measurer", "Place", "place"]


class Measurer(Protocol):
    """A measuring process, such as a `Worker` is."""

    def ask(
        self,
        request: MeasureRequest,
        reply: type[Measured],
        *,
        log: Path,
        on_event: OnEvent,
        on_part: Callable[[msgspec.Raw], None],
        silence_s: float,
    ) -> Measured:
        """Measure and return the end of the answer, whose parts come before it.

        Raises:
            EtbenchError: what the process reported, or how it ended where it could not report.

        """


class Place(Protocol):
    """A machine that measures."""

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Bring there what is to be measured, and return the request as it is made there.

        Raises:
            EtbenchError: of stage ``connect`` if that cannot be done.

        """

    def worker(self) -> AbstractContextManager[Measurer]:
        """Give the measuring process of that machine, once it is its turn to measure."""

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Tell whether a measurement that ended so is worth another worker, which is then there to be had."""


def place(device: Device, *, scratch: Path, log: Path, tell: Callable[[str], None]) -> Place:
    """Return the place that a device of the configuration is.

    Args:
        device: of the cells.
        scratch: an existing folder for temporary files.
        log: gets what the measuring process prints outside of the rounds.
        tell: gets a line where the user has to wait.

    """
    if isinstance(device, SshDevice):
        from etbench.devices.ssh import Remote

        return Remote(device, scratch=scratch, log=log, tell=tell)
    if isinstance(device, AdbDevice):
        from etbench.devices.adb import Android

        return Android(device, scratch=scratch, log=log, tell=tell)
    if isinstance(device, RayDevice):
        from etbench.devices.ray import RayNode

        return RayNode(device, tell=tell)
    from etbench.devices.host import Host

    return Host(scratch=scratch, log=log, tell=tell)
