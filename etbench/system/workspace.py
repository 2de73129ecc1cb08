"""A folder for temporary files, removed at the end or, after a kill, by the next run."""

from __future__ import annotations

import contextlib
import os
import platform
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["workspace"]

OWNED = ".owned"  # locked while its owner lives; the kernel frees it however the owner ends
HOST = re.sub(r"\W", "_", platform.node())
# A network file system may not show the locks of other hosts, so only its age shows that a process is dead.
FOREIGN_S = 30 * 86_400.0


@contextlib.contextmanager
def workspace(root: Path | None = None) -> Iterator[Path]:
    """Provide a new folder inside `root`, or inside the system's temporary folder, and remove it at the end.

    Folders there whose owner is dead are removed first; other hosts may share the root.
    """
    root = root or Path(tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    _remove_orphans(root)
    folder, lock = _owned_folder(root)
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _owned_folder(root: Path) -> tuple[Path, FileLock]:
    """Create a folder and lock it; repeat if another process removed it before it was locked."""
    while True:
        folder = Path(tempfile.mkdtemp(prefix=f"etbench-{HOST}-", dir=root))
        lock = FileLock(folder / OWNED)
        with contextlib.suppress(FileNotFoundError):
            lock.acquire()
        if lock.is_locked and (folder / OWNED).exists():
            return folder, lock
        lock.release()


def _remove_orphans(root: Path) -> None:
    for folder in root.glob("etbench-*"):
        owned = folder / OWNED
        if not folder.name.startswith(f"etbench-{HOST}-") and not _older(folder, FOREIGN_S):
            continue
        if not owned.exists() or not os.access(folder, os.W_OK):  # being created, or another user's
            continue
        lock = FileLock(owned)
        with contextlib.suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()


def _older(folder: Path, seconds: float) -> bool:
    with contextlib.suppress(OSError):
        return time.time() - folder.stat().st_mtime > seconds
    return False
