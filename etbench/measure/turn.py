"""One etbench times at a time: a second one on this machine waits for its turn."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["turn_to_measure"]


def _lock_path() -> Path:
    """One place for the whole machine, whatever TMPDIR a user has set."""
    shared = Path("/tmp")
    return (shared if shared.is_dir() else Path(tempfile.gettempdir())) / "etbench-host.lock"


@contextmanager
def turn_to_measure(on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of this machine; where another etbench has it, tell so once and wait.

    The kernel frees the lock when its holder dies, however it dies.
    """
    lock = FileLock(_lock_path(), mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
