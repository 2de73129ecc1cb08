"""A folder for temporary files: gone afterwards, or removed by the next run where a kill left it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

__all__ = ["workspace"]

OWNED = ".owned"  # locked while its owner lives; the kernel frees it however the owner ends


@contextlib.contextmanager
def workspace(root: Path | None = None) -> Iterator[Path]:
    """Give a fresh folder inside `root`, or inside the system's temporary folder, and remove it at the end.

    Folders there whose owner is dead are removed first.
    """
    root = root or Path(tempfile.gettempdir())
    root.mkdir(parents=True, exist_ok=True)
    _remove_orphans(root)
    folder = Path(tempfile.mkdtemp(prefix="etbench-", dir=root))
    lock = FileLock(folder / OWNED)
    lock.acquire()
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        lock.release()


def _remove_orphans(root: Path) -> None:
    for folder in root.glob("etbench-*"):
        owned = folder / OWNED
        if not owned.exists() or not os.access(folder, os.W_OK):  # being made, or someone else's
            continue
        lock = FileLock(owned)
        with contextlib.suppress(Timeout, OSError):
            lock.acquire(timeout=0)
            shutil.rmtree(folder, ignore_errors=True)
            lock.release()
