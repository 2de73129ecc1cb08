"""Remove entries of the artifact cache, so that no process finds half of one, and nothing else goes."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from etbench.builder.cache.entry import read_sidecar, sidecar_path
from etbench.builder.cache.folder import VERSIONS, entry_folders, groups
from etbench.system.reading import open_regular

__all__ = ["discard", "discard_damaged", "is_sound", "remove_abandoned", "remove_older_formats"]

ABANDONED_S = 86_400.0
UNFINISHED = re.compile(r"\.(entry|gone|probe)-[0-9a-f]{32}")


def is_sound(folder: Path, name: str = "") -> bool:
    """Return whether a folder is a valid entry of this name, which is its own if none is given.

    One that only its owner may read counts as valid.
    """
    if folder.is_symlink():
        return False
    try:
        open_regular(sidecar_path(folder), follow=False).close()
        sidecar = read_sidecar(folder)
        return sidecar is not None and sidecar.folder_name == (name or folder.name) and sidecar.fits(folder)
    except PermissionError:
        return True
    except OSError:
        return False


def discard(folder: Path, work: Path) -> bool:
    """Remove an entry at once, and return whether it existed.

    Args:
        folder: of the entry.
        work: a folder of the same cache.

    """
    gone = _set_aside(folder, work)
    if gone is not None:
        _erase(gone)
    return gone is not None


def discard_damaged(folder: Path, work: Path) -> bool:
    """Remove a damaged entry; if it proves valid once no other process can move it, put it back."""
    gone = _set_aside(folder, work)
    if gone is None:
        return False
    sound = is_sound(gone, folder.name)
    if sound:
        with suppress(OSError):  # another was added meanwhile
            _rename(gone, folder, work.parent)
    _erase(gone)
    return not sound


def remove_abandoned(work: Path) -> None:
    """Remove what killed processes began to add or to remove, and did not finish."""
    if work.is_symlink():
        return
    with suppress(OSError), os.scandir(work) as listed:
        for one in listed:
            if UNFINISHED.fullmatch(one.name):
                with suppress(OSError):
                    if time.time() - one.stat(follow_symlinks=False).st_mtime > ABANDONED_S:
                        _erase(Path(one.path))


def remove_older_formats(cache: Path) -> None:
    """Remove the entries of older versions of etbench, which this one cannot read."""
    for version in VERSIONS[:-1]:
        for folder in entry_folders(cache, version):
            discard(folder, cache / "work")
        for group in groups(cache, version):
            with suppress(OSError):  # something else is in it
                group.rmdir()
        with suppress(OSError):
            (cache / version).rmdir()


def _set_aside(folder: Path, work: Path) -> Path | None:
    """Rename an entry, so that nobody finds half of it; return its new path, or None if it is gone."""
    gone = work / f".gone-{uuid.uuid4().hex}"
    try:
        if os.path.lexists(folder):
            work.mkdir(parents=True, exist_ok=True)
        _rename(folder, gone, work.parent)
        os.utime(gone, follow_symlinks=False)  # not abandoned, however old the entry is
    except OSError:
        return None
    return gone


def _rename(source: Path, target: Path, cache: Path) -> None:
    """Rename something in the cache, also if another process puts a link in place of a folder meanwhile."""
    if sys.platform == "win32":
        source.rename(target)
        return
    with _opened(cache, source.parent) as there, _opened(cache, target.parent) as here:
        os.rename(source.name, target.name, src_dir_fd=there, dst_dir_fd=here)


@contextmanager
def _opened(cache: Path, folder: Path) -> Iterator[int]:
    """Open a folder of the cache, and follow no link on the way to it from the cache."""
    with ExitStack() as opened:

        def open_folder(name: str | Path, flags: int = 0, inside: int | None = None) -> int:
            descriptor = os.open(name, os.O_RDONLY | os.O_DIRECTORY | flags, dir_fd=inside)
            opened.callback(os.close, descriptor)
            return descriptor

        last = open_folder(cache)
        for name in folder.relative_to(cache).parts:
            last = open_folder(name, os.O_NOFOLLOW, last)
        yield last


def _erase(path: Path) -> None:
    """Remove a file, a link or a folder; `shutil.rmtree` follows no link inside of it."""
    try:
        path.unlink()
    except OSError:
        shutil.rmtree(path, ignore_errors=True)
