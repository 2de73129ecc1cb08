"""How many threads of this process compute: counted from the CPU time that the kernel gives to each."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

__all__ = ["BusyThreads"]

TASKS = Path("/proc/self/task")
BUSY_SHARE = 0.2  # of the CPU time of the busiest thread
LEAST_NS = 25_000_000  # of CPU time per thread, if as many compute as expected
SURE_NS = 200_000_000  # of CPU time in all, if not: on a busy machine a thread may have waited for a core
LONGEST_S = 30.0  # after which a program that hardly uses the CPU is not run again


class BusyThreads:
    """Counts the threads that compute from now on."""

    def __init__(self) -> None:
        self._before = _cpu_ns_of_threads()

    def count(self, work: Callable[[], object], *, expected: int) -> int | None:
        """Return how many threads have computed, and repeat the work until that is known; None if it is not.

        A thread counts if it took a fifth of the CPU time of the busiest one. It is not known on systems
        other than Linux.

        Args:
            work: what the threads compute.
            expected: the number of threads that should compute; another number needs more work to be found.

        """
        begun = time.monotonic()
        while True:
            used = self._used()
            if used is None:
                return None
            total = sum(used)
            if total >= min(expected * LEAST_NS, SURE_NS):
                busy = sum(one >= BUSY_SHARE * max(used) for one in used)
                if busy == expected or total >= SURE_NS:
                    return busy
            if time.monotonic() - begun > LONGEST_S:
                return None
            work()

    def _used(self) -> list[int] | None:
        now = _cpu_ns_of_threads()
        if now is None or self._before is None:
            return None
        return [taken - self._before.get(thread, 0) for thread, taken in now.items()]


def _cpu_ns_of_threads() -> dict[int, int] | None:
    """Return the CPU time of each thread of this process in ns; None if the system does not report it."""
    found = {}
    for task in TASKS.glob("*/schedstat"):
        with suppress(OSError):  # it has ended meanwhile
            found[int(task.parent.name)] = int(task.read_text().split()[0])
    return found or None
