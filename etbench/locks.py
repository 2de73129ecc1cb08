"""Wait for a lock, and say so once; the kernel frees it when its holder dies, however it dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["locked", "locked_where_possible"]


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file that any user may take; where another has it, call `on_wait` and wait."""
    lock = FileLock(path, mode=0o666)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        on_wait()
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


@contextmanager
def locked_where_possible(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that only saves work: where the file system has none (NFS, say), go on without."""
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(locked(path, on_wait))
        yield
