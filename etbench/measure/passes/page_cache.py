"""Drop a file from the kernel's page cache, and check whether it is gone."""

from __future__ import annotations

import ctypes
import mmap
import os
from pathlib import Path

import numpy as np

from etbench.errors import EtbenchError

__all__ = ["cached_share", "drop_from_cache", "fill_cache"]

LITTLE = 0.01  # share of a file that may stay, such as a page that another process uses


def drop_from_cache(path: Path) -> None:
    """Make the next reader of a file fetch it from the disk; needs no privilege.

    Raises:
        EtbenchError: of stage ``load`` if this system cannot drop or report pages, or the file stays.

    """
    if not hasattr(os, "posix_fadvise"):
        raise EtbenchError("this system has no posix_fadvise to drop a file from memory", stage="load")
    with path.open("rb") as file:
        os.fsync(file.fileno())  # pages that are not on the disk yet cannot be dropped
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    share = cached_share(path)
    if share is None:
        raise EtbenchError("this system does not report what is in its page cache", stage="load")
    if share > LITTLE:
        raise EtbenchError(
            f"{share:.0%} of the file stayed in memory: its file system is in memory, or another "
            "process has mapped it",
            stage="load",
        )


def fill_cache(path: Path) -> None:
    """Read the whole file into the page cache, as far as memory allows."""
    if cached_share(path) != 1.0:
        with path.open("rb") as file:
            while file.read(1 << 22):
                pass


def cached_share(path: Path) -> float | None:
    """Return the share of a file's pages that are in memory, 0 to 1; None if mincore(2) is missing."""
    libc = ctypes.CDLL(None, use_errno=True) if os.name == "posix" else None
    if libc is None or not hasattr(libc, "mincore") or not path.stat().st_size:
        return None
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as view:
        content = np.frombuffer(view, dtype=np.uint8)  # gives the address of a mapping that is read only
        address, size = content.ctypes.data, content.nbytes
        pages = (ctypes.c_ubyte * -(-size // mmap.PAGESIZE))()
        failed = libc.mincore(ctypes.c_void_p(address), ctypes.c_size_t(size), pages)
        del content  # the mapping cannot be closed while something refers to it
    return None if failed else sum(page & 1 for page in pages) / len(pages)
