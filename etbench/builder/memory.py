"""Watch the memory of builders: one that uses too much is killed, and its error reports the reason."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import psutil

from etbench.errors import EtbenchError
from etbench.host.cgroups import memory_left_bytes, memory_limit_bytes
from etbench.system.process import Worker

__all__ = ["MemoryWatch", "available_bytes"]

EVERY_S = 0.1
AFTER_S = 1.0  # until the memory of a process that was killed is free again
RESERVE_BYTES = 512 * 2**20  # for everything else; builds were observed to allocate 200 MB in 0.1 s
GB = 1e9


def available_bytes() -> int:
    """Return the memory that is still available, on this machine and in this container."""
    free, left = int(psutil.virtual_memory().available), memory_left_bytes()
    return free if left is None else min(free, left)


class MemoryWatch:
    """Looks at builders ten times per second and kills the largest one when too little memory is left.

    Args:
        limit_bytes: for each builder; None for the memory of the machine.
        workers: returns the running builders.

    """

    def __init__(self, limit_bytes: int | None, workers: Callable[[], list[Worker]]) -> None:
        self._limit = limit_bytes
        self._workers = workers
        self._why: dict[int, str] = {}  # by process id

    @contextmanager
    def __call__(self) -> Iterator[None]:
        """Watch while the body runs."""
        over = threading.Event()
        thread = threading.Thread(target=self._watch, args=(over,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()

    def explained(self, worker: Worker, error: EtbenchError) -> EtbenchError:
        """Return an out-of-memory error if the watch killed the builder, else the given error."""
        why = self._why.pop(worker.pid, None)
        if why is None:
            return error
        return EtbenchError(
            why,
            stage=error.stage,
            kind="OutOfMemory",
            hint="use a smaller model, batch or configuration, set sweep.builders=1, or add memory",
        )

    def _watch(self, over: threading.Event) -> None:
        while not over.wait(EVERY_S):
            sizes = {worker: _bytes_of(worker.pid) for worker in self._workers()}
            if not sizes:
                continue
            largest = max(sizes, key=lambda worker: sizes[worker])
            why = self._too_much(sizes[largest])
            if why:
                self._why[largest.pid] = why
                largest.kill()
                over.wait(AFTER_S)

    def _too_much(self, taken: int) -> str | None:
        if self._limit is not None:
            return (
                f"the build used {taken / GB:.1f} GB of memory, more than build.max_gb={self._limit / GB:g}"
                if taken > self._limit
                else None
            )
        left, total = available_bytes(), psutil.virtual_memory().total
        if left >= RESERVE_BYTES:
            return None
        return (
            f"the build used {taken / GB:.1f} GB of memory and needed more; this machine had "
            f"{max(left, 0) / GB:.1f} of {min(total, memory_limit_bytes() or total) / GB:.1f} GB left"
        )


def _bytes_of(pid: int) -> int:
    """Return the memory of a process and its children; 0 if it has ended."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    total = 0
    for member in family:
        with suppress(psutil.NoSuchProcess):
            total += int(member.memory_info().rss)
    return total
