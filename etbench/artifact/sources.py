"""What something was made from beside its recipe: the user's code and data, and installed packages."""

from __future__ import annotations

import hashlib

import msgspec
from msgspec import Struct

__all__ = ["CodeFile", "DataFile", "Sources"]


class CodeFile(Struct, frozen=True, kw_only=True):
    """A module of the user, which is found again by its name.

    `path` is relative to the folder that its top-level package or module was imported from.
    """

    module: str
    path: str
    sha256: str


class DataFile(Struct, frozen=True, kw_only=True):
    """A file that was opened.

    `root` is what `path` is relative to: ``.`` for the working folder, ``~`` for the home folder, or the
    name of a top-level module for the folder that it was imported from; ``/`` if `path` is absolute. `sha256`
    is empty if there was no such file.
    """

    root: str
    path: str
    sha256: str


class Sources(Struct, frozen=True, kw_only=True):
    """The user's modules, the files that were read, and the versions of other installed packages.

    The code of etbench and what the configuration names are not part of it.
    """

    code: list[CodeFile] = []
    data: list[DataFile] = []
    packages: dict[str, str] = {}

    @property
    def digest(self) -> str:
        """The SHA-256 of the list, in hexadecimal."""
        return hashlib.sha256(msgspec.json.encode(self, order="sorted")).hexdigest()
