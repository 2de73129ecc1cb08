"""A machine that measures, as a session sees it; `etbench.devices` has those that there are."""

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


PlaceFor = Callable[[Callable[[str], None]], Place]  # is given a function for lines that the user should see
