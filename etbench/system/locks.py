"""Wait for a lock, and say so; the kernel frees it when its holder dies, however it dies.

Standard library only where there is `flock`: this text also runs on machines that have no etbench.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

__all__ = ["LockError", "locked", "locked_where_possible"]

TELL_EVERY_S = 60.0  # a watcher takes longer silence for a process that hangs
POLL_S = 0.1


class LockError(OSError):
    """A file cannot be locked: it cannot be opened, or its file system has no locks."""


@contextmanager
def locked(path: Path, on_wait: Callable[[], None]) -> Iterator[None]:
    """Hold the lock of a file that any user may take; while another has it, call `on_wait` each minute.

    Raises:
        LockError: if nobody has it and it cannot be had all the same.

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
    """Hold a lock that only saves work: where the file system has none (NFS, say), go on without."""
    with ExitStack() as held:
        with suppress(OSError):
            held.enter_context(locked(path, on_wait))
        yield


if sys.platform == "win32":
    from filelock import FileLock, Timeout

    def _try_to_lock(path: Path) -> Callable[[], object] | None:
        """Take the lock and return what frees it, or None while another has it."""
        lock = FileLock(path)
        try:
            lock.acquire(timeout=0)
        except Timeout:
            return None
        except OSError as error:
            raise LockError(*error.args) from error
        return lock.release

else:
    import fcntl  # filelock refuses a file that another user has made in a folder such as /tmp

    def _try_to_lock(path: Path) -> Callable[[], object] | None:
        """Take the lock and return what frees it, or None while another has it."""
        try:
            file = _opened(path)
        except OSError as error:
            raise LockError(*error.args) from error

        def release() -> None:
            fcntl.flock(file, fcntl.LOCK_UN)  # a fork that has the descriptor, too, does not keep the lock
            os.close(file)

        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(file), path.stat()):
                return release
        except (BlockingIOError, FileNotFoundError):
            pass  # another has it; or the file is a new one, since somebody has tidied up
        except OSError as error:
            os.close(file)
            raise LockError(*error.args) from error
        os.close(file)
        return None

    def _opened(path: Path) -> int:
        """Open the file, whoever has made it, or make it for all users.

        Linux refuses to open another user's file in a folder such as /tmp for writing as one that might have
        to be made (``fs.protected_regular``), so making it is asked for only where it is not there.
        """
        flags = os.O_NOFOLLOW | os.O_NONBLOCK  # nobody leads us elsewhere, or to something that never opens
        while True:
            with suppress(FileNotFoundError):
                try:
                    return os.open(path, os.O_RDWR | flags)
                except PermissionError:
                    return os.open(path, os.O_RDONLY | flags)  # which is enough for all but network drives
            with suppress(FileExistsError):
                file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | flags, 0o666)
                os.fchmod(file, 0o666)  # whatever the umask
                return file
