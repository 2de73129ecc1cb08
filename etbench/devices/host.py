"""The machine that builds, when it also measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from etbench.errors import EtbenchError
from etbench.host.measuring_lock import OTHERS_TURN, turn_to_measure
from etbench.measure.protocol import MeasureRequest
from etbench.system.process import Worker, worker

__all__ = ["Host", "turn_of", "worker_in_turn"]


class Host:
    """Measures where it builds."""

    def __init__(self, *, scratch: Path, log: Path, tell: Callable[[str], None]) -> None:
        self._scratch = scratch
        self._log = log
        self._tell = tell

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Return the request: all it names is here."""
        return request

    def worker(self) -> AbstractContextManager[Worker]:
        """Give a measuring process."""
        return worker_in_turn("host", "this machine", scratch=self._scratch, log=self._log, tell=self._tell)

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Return False: what ends a process here would end the next."""
        return False


@contextmanager
def worker_in_turn(
    machine: str, name: str, *, scratch: Path, log: Path, tell: Callable[[str], None]
) -> Iterator[Worker]:
    """Give a measuring process on this host, once it is its turn.

    Args:
        machine: what is measured, for its lock.
        name: the same, for the user.
        scratch: an existing folder for temporary files.
        log: gets what the process prints outside of the rounds.
        tell: gets a line if another etbench is measuring.

    """
    with (
        turn_of(machine, name, tell),
        worker("etbench.measure.worker.main", scratch=scratch, log=log) as process,
    ):
        yield process


@contextmanager
def turn_of(machine: str, name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Have a machine for oneself; see `worker_in_turn`."""

    def waiting() -> None:
        tell(OTHERS_TURN.format(name))

    with turn_to_measure(waiting, machine):
        yield
