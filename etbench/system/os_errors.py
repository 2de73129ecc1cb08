"""An error of the operating system in words: the file it is about, what is wrong, and what helps."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from etbench.system.files import target_of_temporary

__all__ = ["NO_ROOM", "REMEDIES", "os_error_text"]

NO_ROOM = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})  # of a write, whose error names no file
REMEDIES = {
    errno.ENOSPC: "free some space, or write to another disk",
    errno.EDQUOT: "free some space, or write to another disk",
    errno.EFBIG: "raise the limit of the size of a file (ulimit -f)",
    errno.EROFS: "choose a folder on another file system",
    errno.EACCES: "choose another place, or change its permissions",
    errno.EPERM: "choose another place, or change its permissions",
    errno.EISDIR: "name a file",
    errno.ENOTDIR: "a part of this path is a file; name a folder",
    errno.EEXIST: "choose a name that is free",
    errno.ENOENT: "create its folder first, or correct the path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.ELOOP: "its links lead in a circle",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENFILE: "close other programs",
}


def os_error_text(error: OSError) -> str:
    """Return what an error is about, what is wrong and, if it is a usual one, what helps.

    A temporary file is called by the name that it would have got.

    >>> os_error_text(FileNotFoundError(errno.ENOENT, "No such file or directory", "a/b"))
    'a/b: No such file or directory; create its folder first, or correct the path'

    """
    named = error.filename2 or error.filename
    if named is None and error.errno == errno.ENOENT and _is_nowhere():
        return "the current folder no longer exists; change to another one"
    subject = target_of_temporary(Path(os.fsdecode(named))) if isinstance(named, str | bytes) else named
    what = error.strerror or str(error) or type(error).__name__
    remedy = REMEDIES.get(error.errno or 0)
    return f"{f'{subject}: ' if subject else ''}{what}{f'; {remedy}' if remedy else ''}"


def _is_nowhere() -> bool:
    """Return whether the current folder was removed."""
    try:
        os.getcwd()  # noqa: PTH109
    except FileNotFoundError:
        return True
    return False
