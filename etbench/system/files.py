"""Write files that appear complete or not at all, never through a link, and compute their checksums.

A folder of results may come from anyone, and hold a link with the name of a file that is about to be written.
So a new file is made beside the name and then renamed, which replaces a link and not what it leads to.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import re
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from etbench.system.reading import RefusedError, open_regular

__all__ = [
    "LONGEST_STEM",
    "append_to",
    "copy_regular",
    "folder_fault",
    "link_or_copy",
    "name_file",
    "open_to_append",
    "own_folder",
    "replace_file",
    "replacing",
    "sha256",
    "target_of_temporary",
    "temporary_beside",
    "without_link",
]

STREAM = re.compile(r"/(?:dev(?!/shm/)|proc)/")  # such as /dev/stdout: written to, and never replaced
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
LONGEST_STEM = 150  # bytes; a name may have 255, with the suffixes
SHOWN = 40  # characters of a name in that of its temporary file, which must not be too long either
TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp")


def folder_fault(folder: Path, needs: int = os.R_OK | os.X_OK) -> str | None:
    """Return why a folder cannot be used, or cannot be made where it does not exist; None if it can.

    Args:
        folder: it need not exist, and is not created.
        needs: the permissions that are needed, as in `os.access`; a new folder needs a parent to write to.

    """
    there = next(path for path in (folder.absolute(), *folder.absolute().parents) if os.path.lexists(path))
    named = "it" if there == folder.absolute() else str(there)
    if not there.is_dir():
        return f"{named} is {'a link that leads to no folder' if there.is_symlink() else 'a file'}"
    wanted = needs if there == folder.absolute() else os.W_OK | os.X_OK
    if os.access(there, wanted):
        return None
    return f"{named} cannot be {'written to' if os.access(there, wanted & ~os.W_OK) else 'read'}"


def replace_file(path: Path, body: bytes) -> None:
    """Replace a file atomically: a reader sees either the old or the new content."""
    with replacing(path) as file:
        file.write(body)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Provide a file to write that replaces the target atomically at the end, but not after an error.

    A target in ``/dev`` or ``/proc``, such as ``/dev/stdout``, is written to instead.
    """
    if _is_stream(path):
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_APPEND), "wb") as stream:
            yield stream
        return
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """Return a hidden path next to a file; unlike with `tempfile`, the umask sets who may read it."""
    return path.with_name(f".{path.name[:SHOWN]}.{uuid4().hex}.tmp")


def append_to(path: Path, body: bytes) -> None:
    """Add to the end of a file, which is created if it does not exist; see `open_to_append`."""
    with open_to_append(path) as file:
        file.write(body)


def open_to_append(path: Path) -> BinaryIO:
    """Open a file to write at its end, each write at once; a link or a FIFO of that name is replaced.

    Raises:
        OSError: if it cannot be opened.

    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
    if _is_stream(path):
        return os.fdopen(os.open(path, flags), "ab", buffering=0)
    without_link(path)
    descriptor = os.open(path, flags | os.O_CREAT | NO_LINK, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise RefusedError(errno.EINVAL, "it is not a regular file", str(path))
    except BaseException:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, "ab", buffering=0)


def without_link(path: Path) -> Path:
    """Return the path of a file that is about to be opened; a link or FIFO of that name is removed."""
    with contextlib.suppress(FileNotFoundError):
        mode = path.lstat().st_mode
        if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            path.unlink()
    return path


def own_folder(path: Path) -> Path:
    """Return the path of a folder for etbench's own files, and create it if it does not exist.

    Raises:
        RefusedError: if it is a link: the files of the folder that it leads to are not etbench's.
        OSError: if it cannot be created.

    """
    if path.is_symlink():
        raise RefusedError(errno.ELOOP, "it is a link, but must be a folder; remove it", str(path))
    path.mkdir(parents=True, exist_ok=True)
    return path


def _is_stream(path: Path) -> bool:
    return STREAM.match(str(path.parent.resolve() / path.name)) is not None


def target_of_temporary(path: Path) -> Path:
    """Return the path beside which a temporary file lies; any other path as it is.

    >>> str(target_of_temporary(Path("a/.b.csv.00112233445566778899aabbccddeeff.tmp")))
    'a/b.csv'
    """
    found = TEMPORARY.fullmatch(path.name)
    return path.with_name(found[1]) if found else path


def name_file(temporary: Path, path: Path) -> None:
    """Give a complete file its name, atomically.

    Raises:
        FileExistsError: if a file of that name exists; it stays unchanged.

    """
    try:
        os.link(temporary, path)  # unlike rename, refuses to replace
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the name is taken first, by an empty file
        path.touch(exist_ok=False)
        temporary.replace(path)
    else:
        temporary.unlink()


def link_or_copy(source: Path, target: Path) -> None:
    """Make a file that does not change available under another name, by a hard link if possible."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        copy_regular(source, target)


def copy_regular(source: Path, target: Path) -> None:
    """Copy the content of a regular file.

    Raises:
        RefusedError: if it is anything else, such as a FIFO or a device.
        OSError: if it cannot be copied.

    """
    with open_regular(source) as file, target.open("wb") as copy:
        shutil.copyfileobj(file, copy, 2**20)


def sha256(path: Path, *, follow: bool = True) -> str:
    """Return the SHA-256 of a regular file, in hexadecimal.

    Args:
        path: of the file.
        follow: whether it may be a link to one.

    Raises:
        RefusedError: if it is not a regular file, or longer than its size, as files of ``/proc`` are.
        OSError: if it cannot be read.

    """
    digest = hashlib.sha256()
    with open_regular(path, follow=follow) as file:
        left = os.fstat(file.fileno()).st_size
        while chunk := file.read(2**20):
            if (left := left - len(chunk)) < 0:
                raise RefusedError(errno.EAGAIN, "it changes while it is read", str(path))
            digest.update(chunk)
    return digest.hexdigest()
