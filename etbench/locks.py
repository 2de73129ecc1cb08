"""Wait for a lock, and say so; the kernel frees it when its holder dies, however it dies."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["locked", "locked_where_possible"]

TELL_EVERY_S = 60.0  # a watcher takes longer silence for a process that hangs


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file that any user may take; while another has it, call `on_wait` each minute."""
    lock, patience_s = FileLock(path, mode=0o666), 0.0
    while True:
        try:
            lock.acquire(timeout=patience_s)
            break
        except Timeout:
            on_wait()
            patience_s = TELL_EVERY_S
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
