"""The artifact cache: programs already built, found again by the key of their recipe.

An entry is a folder with `model.pte`, `reference.safetensors` and `entry.json`. It appears whole, by a
rename, and is checked at each use: what is in it came from outside. Nothing in it is ever unpickled.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.build.artifact import Artifact, program_path, references_path
from etbench.locks import locked

__all__ = ["Cache", "Entry", "cache_folder"]

FORMAT = 1


def cache_folder(configured: str | None) -> Path:
    """Return where the cache lies: as configured, else ``ETBENCH_CACHE``, else the user's cache folder."""
    chosen = configured or os.environ.get("ETBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs  # not on a device, which imports this package and has no cache

    return Path(platformdirs.user_cache_dir("etbench"))


class _Sidecar(Struct, frozen=True, kw_only=True):
    """`entry.json`: what the entry holds, with the digests it is checked against."""

    format: int
    key: str
    name: str
    artifact: Artifact
    references_sha256: str
    created_s: float


@dataclass(frozen=True)
class Entry:
    """One program in the cache; sizes in bytes, times in seconds since the epoch."""

    folder: Path
    key: str
    name: str
    artifact: Artifact
    bytes: int
    used_s: float


class Cache:
    """Programs by key, in a folder that several etbench may share.

    Args:
        folder: is made where it is missing.
        max_bytes: after each insertion the entries used longest ago are removed until all fit.

    """

    def __init__(self, folder: Path, max_bytes: int) -> None:
        self.folder = folder
        self.max_bytes = max_bytes

    @property
    def work(self) -> Path:
        """Where builds go on before they are entries: on the same file system, so that a rename will do."""
        return self.folder / "work"

    @property
    def native(self) -> Path:
        """Where the native runner is kept, by what it was compiled from."""
        return self.folder / "native"

    def writable(self) -> bool:
        """Tell whether entries can be added; a cache that can only be read is still used."""
        try:
            for folder in (self._entries, self._locks, self.work):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.work / f".probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError:
            return False
        return True

    @contextlib.contextmanager
    def building(self, key: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a key, so that one etbench builds it and the others wait and then find it."""
        with locked(self._locks / f"{key}.lock", on_wait):
            yield

    def take(self, key: str, folder: Path) -> Artifact | None:
        """Put the files of an entry into an empty folder and return its artifact, or None if there is none.

        They are hard links where the file system allows, so that pruning cannot take them away from a
        run. An entry that is damaged, or of another format, is removed and counts as none.
        """
        source = self._entry(key)
        entry = self._read(source)
        if entry is None or entry.key != key:
            self._discard(source)
            return None
        for path in (program_path, references_path):
            try:
                _link_or_copy(path(source), path(folder))
            except FileNotFoundError:
                self._discard(source)
                return None
        digests = (entry.artifact.sha256, entry.references_sha256)
        if digests != (_sha256(program_path(folder)), _sha256(references_path(folder))):
            for path in (program_path, references_path):
                path(folder).unlink(missing_ok=True)
            self._discard(source)
            return None
        with contextlib.suppress(OSError):
            os.utime(_sidecar_path(source))  # used now
        return entry.artifact

    def put(self, key: str, name: str, artifact: Artifact, built: Path) -> None:
        """Make an entry of the files in a folder, which stays as it is."""
        staging = self.work / f".entry-{uuid.uuid4().hex}"
        staging.mkdir(parents=True)
        try:
            for path in (program_path, references_path):
                _link_or_copy(path(built), path(staging))
            sidecar = _Sidecar(
                format=FORMAT,
                key=key,
                name=name,
                artifact=artifact,
                references_sha256=_sha256(references_path(staging)),
                created_s=time.time(),
            )
            _sidecar_path(staging).write_bytes(msgspec.json.format(msgspec.json.encode(sidecar)))
            self._entry(key).parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(OSError):  # someone else was first, without the lock
                staging.rename(self._entry(key))
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self.prune(self.max_bytes, keep=key)

    def entries(self) -> list[Entry]:
        """Return the readable entries, the one used last first."""
        found = []
        for folder in self._entries.glob("*/*"):
            sidecar = self._read(folder)
            if sidecar is not None:
                with contextlib.suppress(OSError):
                    size = sum(file.stat().st_size for file in folder.iterdir())
                    used = _sidecar_path(folder).stat().st_mtime
                    found.append(Entry(folder, sidecar.key, sidecar.name, sidecar.artifact, size, used))
        return sorted(found, key=lambda entry: -entry.used_s)

    def prune(self, max_bytes: int, keep: str = "") -> list[Entry]:
        """Remove the entries used longest ago until the rest fits, and return what was removed."""
        removed, total = [], 0
        for entry in self.entries():
            total += entry.bytes
            if total > max_bytes and entry.key != keep:
                self._discard(entry.folder)
                removed.append(entry)
        return removed

    def verify(self) -> list[Path]:
        """Remove every folder that is no sound entry, and return what they were."""
        damaged = []
        for folder in self._entries.glob("*/*"):
            sidecar = self._read(folder)
            try:
                sound = sidecar is not None and (
                    (_sha256(program_path(folder)), _sha256(references_path(folder)))
                    == (sidecar.artifact.sha256, sidecar.references_sha256)
                )
            except OSError:
                sound = False
            if not sound:
                self._discard(folder)
                damaged.append(folder)
        return damaged

    def clear(self) -> int:
        """Remove all entries, and return how many there were."""
        folders = list(self._entries.glob("*/*"))
        for folder in folders:
            self._discard(folder)
        return len(folders)

    @property
    def _entries(self) -> Path:
        return self.folder / f"v{FORMAT}"

    @property
    def _locks(self) -> Path:
        return self.folder / "locks"

    def _entry(self, key: str) -> Path:
        if not (len(key) == 64 and key.isalnum()):
            raise ValueError(f"no key of an artifact: {key!r}")
        return self._entries / key[:2] / key

    @staticmethod
    def _read(folder: Path) -> _Sidecar | None:
        try:
            sidecar = msgspec.json.decode(_sidecar_path(folder).read_bytes(), type=_Sidecar)
        except (OSError, msgspec.DecodeError, UnicodeDecodeError):
            return None
        return sidecar if sidecar.format == FORMAT else None

    @staticmethod
    def _discard(folder: Path) -> None:
        """Remove an entry at once: first by a rename, so that nobody finds half of it."""
        gone = folder.with_name(f".gone-{uuid.uuid4().hex}")
        with contextlib.suppress(OSError):
            folder.rename(gone)
            shutil.rmtree(gone, ignore_errors=True)


def _sidecar_path(folder: Path) -> Path:
    return folder / "entry.json"


def _link_or_copy(source: Path, target: Path) -> None:
    try:
        os.link(source, target)
    except FileNotFoundError:
        raise
    except OSError:  # another file system, or one without hard links
        shutil.copyfile(source, target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
