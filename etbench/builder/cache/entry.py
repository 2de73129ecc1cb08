"""An entry of the artifact cache: a program, its references, and the checksums of both.

Its content may come from another machine, so nothing in it is ever unpickled.
"""

from __future__ import annotations

import re
import time
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.artifact import Artifact, program_path, references_path
from etbench.artifact.sources import Sources
from etbench.system.files import sha256

__all__ = ["DIGEST", "FILES", "FORMAT", "Sidecar", "checked_key", "read_sidecar", "sidecar_path"]

FORMAT = 2
FILES = (program_path, references_path)
LIST_DIGITS = 32  # of the checksum of a list, in the name of a folder
DIGEST = re.compile("[0-9a-f]{64}")  # nothing that leads to another folder


class Sidecar(Struct, frozen=True, kw_only=True):
    """`entry.json`: what the entry contains, with the checksums that are verified."""

    format: int
    key: str
    name: str
    artifact: Artifact
    references_sha256: str
    created_s: float

    @classmethod
    def of(cls, key: str, name: str, artifact: Artifact, folder: Path) -> Sidecar:
        """Describe the files in a folder."""
        return cls(
            format=FORMAT,
            key=key,
            name=name,
            artifact=artifact,
            references_sha256=sha256(references_path(folder)),
            created_s=time.time(),
        )

    @classmethod
    def decode(cls, body: bytes) -> Sidecar | None:
        """Return the content of an `entry.json`, or None if it does not have this format."""
        try:
            sidecar = msgspec.json.decode(body, type=cls)
        except (msgspec.DecodeError, UnicodeDecodeError):
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
        return self.digests == tuple(sha256(path(folder)) for path in FILES)


def sidecar_path(folder: Path) -> Path:
    """Return the path of the file that describes an entry."""
    return folder / "entry.json"


def read_sidecar(folder: Path) -> Sidecar | None:
    """Return the description of the entry in a folder, or None if it is not an entry of this format."""
    try:
        return Sidecar.decode(sidecar_path(folder).read_bytes())
    except OSError:
        return None


def checked_key(key: str) -> str:
    """Return the key of an artifact, which becomes part of a path.

    Raises:
        ValueError: if it is not a valid key.

    """
    if not DIGEST.fullmatch(key):
        raise ValueError(f"{key!r} is not a valid artifact key")
    return key
