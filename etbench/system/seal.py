"""Seals of what may be executed later: they show that this user's etbench made it.

A seal is an HMAC with a random key, which only the user can read. It is kept outside of the cache and of the
results, so that a folder that comes from elsewhere contains no valid seal, whoever its files belong to now.
The seal of a file or folder is in a file beside it.
"""

from __future__ import annotations

import hmac
import os
import secrets
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from etbench.system.files import name_file, replace_file, temporary_beside
from etbench.system.reading import open_regular
from etbench.system.trust import changeable_by_others

__all__ = ["has_own_seal", "is_sealed", "seal", "write_seal"]

BYTES = 32
MOST_BYTES = 1_000  # of the file of a seal
READABLE = stat.S_IRWXG | stat.S_IRWXO


def seal(text: str) -> str:
    """Return the seal of a text; empty if this user has no folder for a key."""
    key = _key() or _new_key()
    return _digest(key, text) if key else ""


def is_sealed(text: str, sealed: str) -> bool:
    """Return whether `sealed` is the seal of this text by this user."""
    if not sealed or not (key := _key()):
        return False
    return hmac.compare_digest(_digest(key, text).encode(), sealed.encode("utf-8", "replace"))


def write_seal(path: Path, text: str) -> bool:
    """Write the seal of a file or folder, which may not exist yet; False if this user has no key.

    Args:
        path: of the file or folder.
        text: describes its content, as with `has_own_seal`.

    Raises:
        OSError: if the seal cannot be written.

    """
    if sealed := seal(text):
        replace_file(_beside(path), sealed.encode())
    return bool(sealed)


def has_own_seal(path: Path, text_of: Callable[[Path], str]) -> bool:
    """Return whether a file or folder has a seal of this user, and nobody else can change it.

    Args:
        path: of the regular file or the folder; a link is neither.
        text_of: describes its content, such as by a checksum.

    """
    with suppress(OSError):
        status = path.lstat()
        if not (stat.S_ISREG(status.st_mode) or stat.S_ISDIR(status.st_mode)):
            return False
        if changeable_by_others(status):
            return False
        with open_regular(_beside(path), follow=False) as file:
            sealed = file.read(MOST_BYTES).decode(errors="replace")
        return is_sealed(text_of(path), sealed)
    return False


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.seal")


def _digest(key: bytes, text: str) -> str:
    return hmac.digest(key, text.encode(), "sha256").hex()


def _path() -> Path:
    import platformdirs  # not on a device, which imports this package and seals nothing

    return Path(platformdirs.user_state_dir("etbench")) / "key"


def _key() -> bytes | None:
    """Return the key; None if there is none, or others can read or change it."""
    with suppress(OSError), open_regular(_path(), follow=False) as file:
        status = os.fstat(file.fileno())
        private = os.name == "nt" or not status.st_mode & READABLE
        if private and not changeable_by_others(status):
            key = file.read(BYTES)
            return key if len(key) == BYTES else None
    return None


def _new_key() -> bytes | None:
    """Write a new key, unless another process does so first, and return the one that is there."""
    path = _path()
    temporary = temporary_beside(path)
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(BYTES))
        name_file(temporary, path)
    with suppress(OSError):
        temporary.unlink()
    return _key()
