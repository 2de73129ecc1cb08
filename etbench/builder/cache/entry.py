"""An entry of the artifact cache: a program, its references, and the checksums of both.

Its content may come from another machine or user, so nothing in it is executed. A program of PyTorch is code:
reading it executes what is in it. It is only used with the seal of this user (`etbench.system.seal`), and an
entry with such a program and another seal, or none, counts as missing.
"""

from __future__ import annotations

import os
import re
import time
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
from msgspec import Struct

from etbench.artifact import Artifact, is_code, program_path, references_path
from etbench.artifact.sources import Sources
from etbench.system.files import sha256
from etbench.system.reading import open_regular
from etbench.system.seal import is_sealed, seal
from etbench.system.trust import changeable_by_others

__all__ = [
    "DIGEST",
    "FILES",
    "FORMAT",
    "Entry",
    "Sidecar",
    "Stored",
    "checked_key",
    "described",
    "read_entry",
    "read_sidecar",
    "sidecar_path",
]

FORMAT = 2
MAX_BYTES = 64 * 2**20  # of an `entry.json`
FILES = (program_path, references_path)
LIST_DIGITS = 32  # of the checksum of a list, in the name of a folder
DIGEST = re.compile("[0-9a-f]{64}")  # nothing that leads to another folder


class Sidecar(Struct, frozen=True, kw_only=True):
    """`entry.json`: what the entry contains, with the checksums that are verified.

    `seal` is only set for a program of PyTorch.
    """

    format: int
    key: str
    name: str
    artifact: Artifact
    references_sha256: str
    created_s: float
    seal: str = ""

    @classmethod
    def of(cls, key: str, name: str, artifact: Artifact, folder: Path) -> Sidecar:
        """Describe the files in a folder.

        Raises:
            OSError: if they cannot be read, or are code that cannot be sealed.

        """
        code = is_code(program_path(folder))
        sealed = seal(_sealed_text(key, artifact.sha256)) if code else ""
        if code and not sealed:
            raise OSError("it is code, and there is no folder for the key that would seal it")
        return cls(
            seal=sealed,
            format=FORMAT,
            key=key,
            name=name,
            artifact=artifact,
            references_sha256=sha256(references_path(folder), follow=False),
            created_s=time.time(),
        )

    @classmethod
    def decode(cls, body: bytes) -> Sidecar | None:
        """Return the content of an `entry.json`, or None if it does not have this format."""
        try:
            sidecar = msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return None
        return sidecar if sidecar.is_valid else None

    def encode(self) -> bytes:
        """Return the bytes of its `entry.json`."""
        return msgspec.json.format(msgspec.json.encode(self))

    @property
    def is_valid(self) -> bool:
        """Whether it has this format, and nothing in it leads to another folder."""
        return self.format == FORMAT and all(map(DIGEST.fullmatch, (self.key, *self.digests)))

    @property
    def sources(self) -> Sources:
        """The list of what the program was made from beside its recipe."""
        return self.artifact.sources or Sources()

    @property
    def folder_name(self) -> str:
        """The name of its folder: the key of the recipe, and the checksum of the list."""
        return f"{checked_key(self.key)}.{self.sources.digest[:LIST_DIGITS]}"

    @property
    def digests(self) -> tuple[str, str]:
        """The SHA-256 of each of `FILES`."""
        return self.artifact.sha256, self.references_sha256

    def fits(self, folder: Path) -> bool:
        """Return whether the files in a folder are those described.

        Raises:
            OSError: if one of them cannot be read.

        """
        return self.digests == tuple(sha256(path(folder), follow=False) for path in FILES)

    def may_run(self, folder: Path) -> bool:
        """Return whether the program in a folder may be loaded: it is not code, or this user made it."""
        return not is_code(program_path(folder)) or self.is_sealed

    @property
    def is_sealed(self) -> bool:
        """Whether this user has made it."""
        return is_sealed(_sealed_text(self.key, self.artifact.sha256), self.seal)


class Stored(NamedTuple):
    """An entry as it is in the cache; `others` names who else can change it, and is empty if nobody can."""

    folder: Path
    sidecar: Sidecar
    others: str
    used_ns: int


@dataclass(frozen=True)
class Entry:
    """One program in the cache; sizes in bytes, times in seconds since the epoch."""

    folder: Path
    key: str
    name: str
    artifact: Artifact
    bytes: int
    used_s: float

    @property
    def sources(self) -> Sources:
        """The user's code and data that the program was made from."""
        return self.artifact.sources or Sources()


def sidecar_path(folder: Path) -> Path:
    """Return the path of the file that describes an entry."""
    return folder / "entry.json"


def read_sidecar(folder: Path) -> Sidecar | None:
    """Return the description of the entry in a folder, or None if it is not an entry of this format."""
    stored = read_entry(folder)
    return stored.sidecar if stored else None


def read_entry(folder: Path) -> Stored | None:
    """Return the entry in a folder, or None if it is not an entry of this format."""
    try:
        with open_regular(sidecar_path(folder), follow=False) as file:
            status = os.fstat(file.fileno())
            sidecar = Sidecar.decode(file.read(MAX_BYTES))
    except OSError:
        return None
    return Stored(folder, sidecar, changeable_by_others(status), status.st_mtime_ns) if sidecar else None


def described(folder: Path) -> Stored | None:
    """Return an entry if the folder has its name: its list is the one that was stored."""
    stored = None if folder.is_symlink() else read_entry(folder)
    return stored if stored is not None and stored.sidecar.folder_name == folder.name else None


def checked_key(key: str) -> str:
    """Return the key of an artifact, which becomes part of a path.

    Raises:
        ValueError: if it is not a valid key.

    """
    if not DIGEST.fullmatch(key):
        raise ValueError(f"{key!r} is not a valid artifact key")
    return key


def _sealed_text(key: str, sha256: str) -> str:
    return f"program {key} {sha256}"
