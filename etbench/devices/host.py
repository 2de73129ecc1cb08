"""The machine that builds, when it also measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.measure.protocol import MeasureRequest
from etbench.measure.turn import turn_to_measure
from etbench.process import Worker, worker

__all__ = ["Host"]


class Host:
    """Measures where it builds."""

    def __init__(self, *, scratch: Path, log: Path, tell: Callable[[str], None]) -> None:
        self._scratch = scratch
        self._log = log
        self._tell = tell

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Return the request: all it names is here."""
        return request

    @contextmanager
    def worker(self) -> Iterator[Worker]:
        """Give a measuring process."""

        def waiting() -> None:
            self._tell("another etbench is measuring on this machine: waiting for its turn to end")

        with (
            turn_to_measure(waiting),
            worker("etbench.measure.worker", scratch=self._scratch, log=self._log) as process,
        ):
            yield process

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Return False: what ends a process here would end the next."""
        return False
