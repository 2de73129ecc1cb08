"""The host that builds, as the machine that measures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import msgspec

from etbench.errors import EtbenchError
from etbench.host.measuring_lock import WAITING, measuring_lock
from etbench.measure.protocol import MeasureRequest
from etbench.system.process import Worker, worker

__all__ = ["Host", "turn_of", "worker_in_turn"]


ONE_BLOCK_S = 86_400.0  # no round is slower


class Host:
    """Measures on the host that builds."""

    moves = False

    def __init__(self, *, scratch: Path, log: Path, tell: Callable[[str], None]) -> None:
        self._scratch = scratch
        self._log = log
        self._tell = tell
        self._python: str | None = None

    def prepared(self, request: MeasureRequest) -> MeasureRequest:
        """Return the request for the interpreter that measures: its files are on this host.

        That is the interpreter of all subjects. If they have several, each round is spawned, those of the
        measuring process' own interpreter too: a forked round and a spawned one are not compared. They stay
        in common blocks, since the start of an interpreter alone would make most of them slow.
        """
        pythons = {
            subject.other_interpreter.python if subject.other_interpreter else None
            for subject in request.subjects
        }
        if len(pythons) == 1:
            (self._python,) = pythons
            return request
        return msgspec.structs.replace(request, start="spawn", block_max_s=ONE_BLOCK_S)

    def worker(self) -> AbstractContextManager[Worker]:
        """Provide a measuring process."""
        return worker_in_turn(
            "host",
            "this machine",
            scratch=self._scratch,
            log=self._log,
            tell=self._tell,
            python=self._python,
        )

    def goes_on_after(self, error: EtbenchError) -> bool:
        """Return False: an error that ends a process here would end the next one, too."""
        return False


@contextmanager
def worker_in_turn(
    machine: str,
    name: str,
    *,
    scratch: Path,
    log: Path,
    tell: Callable[[str], None],
    python: str | None = None,
) -> Iterator[Worker]:
    """Provide a measuring process on this host, once no other etbench is measuring.

    Args:
        machine: the name of the machine for its lock.
        name: its name for the user.
        scratch: an existing folder for temporary files.
        log: the file for what the process prints outside the rounds.
        tell: receives a line if another etbench is measuring.
        python: the interpreter of the process; this one if it is not given.

    """
    with (
        turn_of(machine, name, tell),
        worker("etbench.measure.worker.main", scratch=scratch, log=log, python=python) as process,
    ):
        yield process


@contextmanager
def turn_of(machine: str, name: str, tell: Callable[[str], None]) -> Iterator[None]:
    """Hold the lock of a machine; see `worker_in_turn`."""

    def waiting() -> None:
        tell(WAITING.format(name))

    with measuring_lock(waiting, machine):
        yield
