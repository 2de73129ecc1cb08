"""Put the files of an entry into the folder of a job, so that nobody else can change them afterwards.

Only the owner and the mode of the files count. Whoever can write to the folders can remove files or put
others in their place, and those belong to whoever did so.
"""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from etbench.builder.cache.entry import FILES, Stored
from etbench.system.reading import open_regular
from etbench.system.trust import changeable_by_others

__all__ = ["CODE", "DamagedError", "NotOursError", "of_others", "take_files"]

CODE = "its program in the cache is code of PyTorch, and you did not build it here"


class DamagedError(Exception):
    """The files of an entry are not those that it describes."""


class NotOursError(Exception):
    """An entry is not used, because another user may have made or changed it."""


def of_others(stored: Stored, *, shared: bool) -> str:
    """Return why an entry is not used, if that is seen from its description; else an empty text.

    Args:
        stored: the entry.
        shared: whether programs of other users are allowed.

    """
    if stored.sidecar.seal and not stored.sidecar.is_sealed:
        return CODE
    return "" if shared or not stored.others else _reason(stored.others)


def take_files(stored: Stored, folder: Path, *, shared: bool) -> None:
    """Put the files of an entry into an empty folder, which is left empty if they are not used.

    They are hard links if only this user can change them, else copies. They are checked where they are then.

    Args:
        stored: the entry.
        folder: one that only this user can change.
        shared: whether programs of other users are allowed.

    Raises:
        DamagedError: if they are not the files that the entry describes.
        NotOursError: if another user may have made or changed them, and `shared` is false, or if the program
            is code, and is not sealed by this user.
        OSError: if one of them is missing, is not a regular file, or cannot be read or written.

    """
    try:
        for path in FILES:
            _link_or_copy(path(stored.folder), path(folder), shared=shared)
        if not stored.sidecar.fits(folder):
            raise DamagedError
        if not stored.sidecar.may_run(folder):
            raise NotOursError(CODE)
    except BaseException:
        for path in FILES:
            with suppress(OSError):
                path(folder).unlink()
        raise


def _link_or_copy(source: Path, target: Path, *, shared: bool) -> None:
    with open_regular(source, follow=False) as file:
        status = os.fstat(file.fileno())
        others = changeable_by_others(status)
        if others and not shared:
            raise NotOursError(_reason(others))
        if not others:
            with suppress(OSError):  # another file system, or one without hard links
                os.link(source, target)
                if os.path.samestat(target.lstat(), status):
                    return
                target.unlink()  # replaced meanwhile
        with target.open("xb") as copy:
            shutil.copyfileobj(file, copy)


def _reason(others: str) -> str:
    return f"its program in the cache {others}; cache.shared=true uses programs of other users"
