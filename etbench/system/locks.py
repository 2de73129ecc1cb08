"""Wait for a lock, and report the wait; the kernel frees the lock when its holder dies, in whatever way.

On systems with `flock` it uses only the standard library: this source also runs on machines without etbench.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["LockError", "locked", "locked_where_possible"]

TELL_EVERY_S = 60.0  # after a longer silence, a watcher takes a process to hang
POLL_S = 0.1


class LockError(OSError):
    """A file cannot be locked: it cannot be opened, or its file system has no locks."""


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file for any user; while another process has it, call `on_wait` every minute.

    Raises:
        LockError: if the file cannot be locked, although no other process has the lock.

    """
    told_at: float | None = None
    while (release := _try_to_lock(path)) is None:
        if told_at is None or time.monotonic() - told_at >= TELL_EVERY_S:
            on_wait()
            told_at = time.monotonic()
        time.sleep(POLL_S)
    try:
        yield
    finally:
        release()


@contextmanager
def locked_where_possible(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold a lock that only saves work; if the file system has no locks (such as NFS), continue without."""
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(locked(path, on_wait))
        yield


if sys.platform == "win32":
    from filelock import FileLock, Timeout

    def _try_to_lock(path: Path) -> Callable[[], object] | None:
        """Take the lock and return a function that frees it, or None while another process has it."""
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        except OSError as error:
            raise LockError(*error.args) from error
        return lock.release

else:
    import fcntl  # filelock refuses a file that another user has created in a folder such as /tmp

    def _try_to_lock(path: Path) -> Callable[[], object] | None:
        """Take the lock and return a function that frees it, or None while another process has it."""
        try:
            file = _opened(path)
        except OSError as error:
            raise LockError(*error.args) from error

        def release() -> None:
            fcntl.flock(file, fcntl.LOCK_UN)  # so that a fork with the descriptor does not keep the lock
            os.close(file)

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), path.stat()):
                return release
        except (BlockingIOError, FileNotFoundError):
            pass  # another process has it, or the file was removed and created again
        except OSError as error:
            os.close(file)
            raise LockError(*error.args) from error
        os.close(file)
        return None

    def _opened(path: Path) -> int:
        """Open the file, whoever has created it, or create it for all users.

        In a folder such as /tmp, Linux refuses O_CREAT for a file of another user
        (``fs.protected_regular``), so O_CREAT is used only if the file does not exist.
        """
        flags = os.O_NOFOLLOW | os.O_NONBLOCK  # follow no link, and do not block on a FIFO
        while True:
            with suppress(FileNotFoundError):
                try:
                    return os.open(path, os.O_RDWR | flags)
                except PermissionError:
                    return os.open(path, os.O_RDONLY | flags)  # which is enough except on network drives
            with suppress(FileExistsError):
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
                os.fchmod(file, 0o666)  # whatever the umask
                return file
