"""Whose a file is, and who else can change it."""

from __future__ import annotations

import os
import stat
<<<<<<< HEAD
=======
from io import BufferedReader
from pathlib import Path
>>>>>>> cache

__all__ = ["WRITABLE", "changeable_by_others"]

WRITABLE = stat.S_IWGRP | stat.S_IWOTH  # by others than the owner
<<<<<<< HEAD
=======
FLAGS = os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class NotRegularError(OSError):
    """Something has the name of a file, and is a link, a folder, a FIFO or a device."""


def open_regular(path: Path) -> BufferedReader:
    """Open a regular file for reading; do not follow a link, and do not wait for a FIFO or a device.

    Raises:
        NotRegularError: if it is something else.
        OSError: if it does not exist or cannot be opened.

    """
    try:
        descriptor = os.open(path, FLAGS)
    except OSError as error:
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise NotRegularError(f"{path} is not a regular file") from error
        raise
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotRegularError(f"{path} is not a regular file")
    return os.fdopen(descriptor, "rb")
>>>>>>> cache


def changeable_by_others(status: os.stat_result) -> str:
    """Describe who can change a file besides this user and root; empty if nobody can."""
    if not hasattr(os, "geteuid"):
        return ""
    if status.st_uid not in (0, os.geteuid()):
        return f"belongs to {_user(status.st_uid)}"
    if status.st_mode & WRITABLE:
        return f"can be changed by other users (its mode is {stat.S_IMODE(status.st_mode):o})"
    return ""


def _user(number: int) -> str:
    import pwd  # not on Windows

    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user with the number {number}"
