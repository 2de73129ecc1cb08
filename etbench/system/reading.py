"""Read files that may come from anyone: regular files only, without waiting, up to a size.

A FIFO or a device with the name of a result would be waited for, and a link to ``/dev/zero`` never ends. The
kind of a file is checked before it is opened, since opening a device can have effects, and again on the open
descriptor, since the name may lead elsewhere by then.
"""

from __future__ import annotations

import errno
import io
import os
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

__all__ = [
    "MOST_BYTES",
    "RefusedError",
    "open_regular",
    "path_fault",
    "read_file",
]

T = TypeVar("T")
MOST_BYTES = 2**27  # a result with 100,000 rounds has about 100 MB
NO_WAIT = getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0) | getattr(os, "O_NOCTTY", 0)
NO_LINK = getattr(os, "O_NOFOLLOW", 0)
KINDS = {
    stat.S_IFLNK: "a link",
    stat.S_IFDIR: "a folder",
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
}


class RefusedError(OSError):
    """A file that is not read or written, whatever is in it; `strerror` is the reason."""


class _Regular(io.FileIO):
    """A regular file that is never waited for, and whose errors name it; for `io.BufferedReader`.

    Some files of ``/proc``, such as ``kmsg``, are regular and have nothing to read yet. `io.FileIO` returns
    None for them, and `hashlib.file_digest` asks again, for ever.
    """

    def __init__(self, descriptor: int, path: str | Path) -> None:
        super().__init__(descriptor, "rb")
        self.path = str(path)

    def readinto(self, buffer: Any, /) -> int:
        count: int = self._read(lambda: super(_Regular, self).readinto(buffer))
        return count

    def readall(self) -> bytes:
        return self._read(super().readall)

    def _read(self, read: Callable[[], T | None]) -> T:
        try:
            found = read()
        except OSError as error:
            error.filename = self.path
            raise
        if found is None:
            raise RefusedError(errno.EAGAIN, "it has nothing to read yet", self.path)
        return found


def open_regular(path: str | Path, *, follow: bool = True) -> io.BufferedReader:
    """Open a regular file to read.

    Args:
        path: of the file.
        follow: whether it may be a link to one.

    Raises:
        RefusedError: at once, if it is anything else.
        OSError: if it cannot be opened.

    """
    return io.BufferedReader(_opened(path, follow=follow))


def _opened(path: str | Path, *, follow: bool = True) -> _Regular:
    try:
        mode = Path(path).stat(follow_symlinks=follow).st_mode
    except ValueError as error:  # a null character
        raise RefusedError(errno.EINVAL, str(error), str(path)) from error
    if not stat.S_ISDIR(mode):  # one without permission is refused with that reason below
        _check_regular(mode, path)
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | NO_WAIT | (0 if follow else NO_LINK))
    try:
        _check_regular(os.fstat(descriptor).st_mode, path)
        return _Regular(descriptor, path)
    except BaseException:
        os.close(descriptor)
        raise


def path_fault(path: str | Path, *, folders: bool = True) -> str | None:
    """Return why a path is not that of a regular file or, with `folders`, of a folder; None if it is."""
    what = "file or folder" if folders else "file"
    try:
        mode = Path(path).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return f"{path}: no such {what}"
    except (OSError, ValueError) as error:  # such as a name that is too long, or has a null character
        return f"{path}: {getattr(error, 'strerror', error)}"
    if stat.S_ISREG(mode) or (folders and stat.S_ISDIR(mode)):
        return None
    return f"{path}: {_kind(mode)}, not a regular file"


def read_file(path: str | Path, most_bytes: int = MOST_BYTES) -> bytes:
    """Return the content of a regular file.

    Raises:
        RefusedError: if it is not a regular file, is larger, or grows meanwhile as files of ``/proc`` do.
        OSError: if it cannot be read.

    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > most_bytes:
            raise RefusedError(
                errno.EFBIG, f"it has {size:,} bytes, and at most {most_bytes:,} are read", str(path)
            )
        body = file.read(size + 1)
    if len(body) > size:
        raise RefusedError(errno.EAGAIN, "it changes while it is read", str(path))
    return body


def _check_regular(mode: int, path: str | Path) -> None:
    if not stat.S_ISREG(mode):
        code = errno.EISDIR if stat.S_ISDIR(mode) else errno.EINVAL
        raise RefusedError(code, f"it is {_kind(mode)}, not a regular file", str(path))


def _kind(mode: int) -> str:
    return KINDS.get(stat.S_IFMT(mode), "a special file")
