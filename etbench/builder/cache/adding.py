"""Add an entry to the artifact cache: it appears as a whole, and only its user can change it."""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from contextlib import suppress
from pathlib import Path

from etbench.artifact import is_code, program_path
from etbench.builder.cache.entry import FILES, Sidecar, described, read_sidecar, sidecar_path
from etbench.builder.cache.removing import discard, discard_damaged
from etbench.builder.cache.taking import CODE, of_others
from etbench.system.files import link_or_copy
from etbench.system.trust import WRITABLE

__all__ = ["add_entry"]


def add_entry(sidecar: Sidecar, built: Path, entry: Path, work: Path, *, shared: bool) -> None:
    """Add the files in a folder as an entry, unless there is one.

    Args:
        sidecar: their description.
        built: the folder of the files.
        entry: the folder to create.
        work: a folder of the same cache.
        shared: whether an entry of another user would be used.

    Raises:
        OSError: if it cannot be added, or there is one of another user that this user does not use.

    """
    staging = work / f".entry-{uuid.uuid4().hex}"
    staging.mkdir(parents=True)
    try:
        for path in FILES:
            link_or_copy(path(built), path(staging))
        sidecar_path(staging).write_bytes(sidecar.encode())
        for file in staging.iterdir():
            with suppress(OSError):  # a file system without modes
                file.chmod(file.stat().st_mode & ~WRITABLE)
        entry.parent.mkdir(parents=True, exist_ok=True)
        _make_room(entry, work, code=is_code(program_path(built)), shared=shared)
        try:
            staging.rename(entry)
        except OSError as error:
            first = error.errno in (errno.EEXIST, errno.ENOTEMPTY)  # another process added it first
            if not first and read_sidecar(entry) is None:  # else it was renamed, and the answer got lost
                raise
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _make_room(entry: Path, work: Path, *, code: bool, shared: bool) -> None:
    """Remove what has the name of an entry and is not used by this user.

    Raises:
        PermissionError: if it belongs to another user.

    """
    try:
        owner = entry.lstat().st_uid
    except FileNotFoundError:
        return
    stored = described(entry)
    if stored is None:
        reason = "it is damaged, and belongs to another user"
    elif code and not stored.sidecar.is_sealed:
        reason = CODE
    else:
        reason = of_others(stored, shared=shared)
    if reason and hasattr(os, "geteuid") and owner != os.geteuid():
        raise PermissionError(f"there is one already, but {reason}")
    if stored is None:
        discard_damaged(entry, work)  # unless it was being replaced while it was read
    elif reason:
        discard(entry, work)
