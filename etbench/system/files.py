"""Write files that appear complete or not at all, and compute their checksums."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

__all__ = [
    "link_or_copy",
    "name_file",
    "replace_file",
    "replacing",
    "sha256",
    "target_of_temporary",
    "temporary_beside",
]

TEMPORARY = re.compile(r"\.(.+)\.[0-9a-f]{32}\.tmp")


def replace_file(path: Path, body: bytes) -> None:
    """Replace a file atomically: a reader sees either the old or the new content."""
    with replacing(path) as file:
        file.write(body)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Provide a file to write that replaces the target atomically at the end, but not after an error."""
    temporary = temporary_beside(path)
    try:
        with temporary.open("xb") as file:
            yield file
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """Return a hidden path next to a file; unlike with `tempfile`, the umask sets who may read it."""
    return path.with_name(f".{path.name}.{uuid4().hex}.tmp")


def target_of_temporary(path: Path) -> Path:
    """Return the path beside which a temporary file lies; any other path as it is.

    >>> str(target_of_temporary(Path("a/.b.csv.00112233445566778899aabbccddeeff.tmp")))
    'a/b.csv'
    """
    found = TEMPORARY.fullmatch(path.name)
    return path.with_name(found[1]) if found else path


def name_file(temporary: Path, path: Path) -> None:
    """Give a complete file its name, atomically.

    Raises:
        FileExistsError: if a file of that name exists; it stays unchanged.

    """
    try:
        os.link(temporary, path)  # unlike rename, refuses to replace
    except FileExistsError:
        raise
    except OSError:  # a file system without hard links: the name is taken first, by an empty file
        path.touch(exist_ok=False)
        temporary.replace(path)
    else:
        temporary.unlink()


def link_or_copy(source: Path, target: Path) -> None:
    """Make a file that does not change available under another name, by a hard link if possible."""
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def sha256(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
