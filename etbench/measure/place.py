"""The interface of a machine that measures; `etbench.devices` has the implementations."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import msgspec

from etbench.errors import EtbenchError
from etbench.events import OnEvent
from etbench.measure.protocol import Measured, MeasureRequest

__all__ = ["Measurer", "Place", "PlaceFor"]


class Measurer(Protocol):
    """A measuring process, such as a `Worker`."""

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
        """Measure and return the end of the answer; `on_part` receives its parts before.

        Raises:
            EtbenchError: what the process reported, or how it ended if it could not report.

        """


class Place(Protocol):
    """A machine that measures.

    Attributes:
        moves: whether a new worker may run on another machine than the one before.

    """

    moves: bool

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Send the programs to the machine, and return the request with their paths there.

        Raises:
            EtbenchError: of stage ``connect`` if that fails.

        """

    def worker(self) -> AbstractContextManager[Measurer]:
        """Provide the machine's measuring process, once no other etbench is measuring there."""

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Return whether a new worker can continue the measurement after this error."""


PlaceFor = Callable[[Callable[[str], None]], Place]  # its argument shows a line to the user
