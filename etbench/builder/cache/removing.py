"""Remove entries of the artifact cache, so that no process finds half of one."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
import uuid
from pathlib import Path

from etbench.builder.cache.entry import DIGEST, FORMAT, read_sidecar, sidecar_path

__all__ = ["discard", "discard_damaged", "is_sound", "remove_abandoned", "remove_older_formats"]

ABANDONED_S = 86_400.0


def is_sound(folder: Path, name: str = "") -> bool:
    """Return whether a folder is a valid entry of this name, which is its own if none is given."""
    sidecar = read_sidecar(folder)
    try:
        return sidecar is not None and sidecar.folder_name == (name or folder.name) and sidecar.fits(folder)
    except OSError:
        return False


def discard(folder: Path, work: Path) -> bool:
    """Remove an entry at once, and return whether it existed.

    Args:
        folder: of the entry.
        work: a folder on the same file system.

    """
    gone = _set_aside(folder, work)
    if gone is not None:
        shutil.rmtree(gone, ignore_errors=True)
    return gone is not None


def discard_damaged(folder: Path, work: Path) -> bool:
    """Remove a damaged entry; if it proves valid once no other process can move it, put it back."""
    gone = _set_aside(folder, work)
    if gone is None:
        return False
    sound = is_sound(gone, folder.name)
    if sound:
        with contextlib.suppress(OSError):  # another was added meanwhile
            gone.rename(folder)
    shutil.rmtree(gone, ignore_errors=True)
    return not sound


def remove_abandoned(work: Path) -> None:
    """Remove what killed processes began to add or to remove, and did not finish."""
    for folder in work.glob(".[eg]*-*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.stat().st_mtime > ABANDONED_S:
                shutil.rmtree(folder, ignore_errors=True)


def remove_older_formats(cache: Path) -> None:
    """Remove the entries of older versions of etbench, which this one cannot read.

    Only folders with the name and the description of an entry are entries; nothing else in the folder, and
    nothing behind a link, is touched.
    """
    for older in (cache / f"v{number}" for number in range(1, FORMAT)):
        for folder in older.glob("??/*"):
            linked = any(part.is_symlink() for part in (older, folder.parent, folder))
            if not linked and DIGEST.fullmatch(folder.name) and sidecar_path(folder).is_file():
                shutil.rmtree(folder, ignore_errors=True)
                with contextlib.suppress(OSError):  # others are in it
                    folder.parent.rmdir()
        with contextlib.suppress(OSError):
            older.rmdir()


def _set_aside(folder: Path, work: Path) -> Path | None:
    """Rename an entry, so that nobody finds half of it; return its new path, or None if it is gone."""
    gone = work / f".gone-{uuid.uuid4().hex}"
    try:
        if folder.exists():
            work.mkdir(parents=True, exist_ok=True)
        folder.rename(gone)
        os.utime(gone)  # not abandoned, however old the entry is
    except OSError:
        return None
    return gone
