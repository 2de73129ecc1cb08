"""Whose a file is, and who else can change it."""

from __future__ import annotations

import os
import stat

__all__ = ["WRITABLE", "changeable_by_others"]

WRITABLE = stat.S_IWGRP | stat.S_IWOTH  # by others than the owner


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
