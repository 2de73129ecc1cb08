"""The artifact cache: programs that are already built, found by the key of their recipe.

An entry is a folder with `model.pte`, `reference.safetensors` and `entry.json`. A rename adds or removes it
as a whole, and its checksums are verified at each use. So machines can share the folder over a network
without a lock: an entry that disappears or changes while it is copied counts as missing. Locks only avoid
building the same program twice.
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from etbench.artifact import Artifact
from etbench.builder.entry import FILES, FORMAT, Sidecar, checked_key, read_sidecar, sidecar_path
from etbench.builder.remote import OnLost, RemoteCache
from etbench.system.files import link_or_copy
from etbench.system.locks import locked_where_possible

__all__ = ["Cache", "Entry", "cache_folder"]

ABANDONED_S = 86_400.0


def cache_folder(configured: str | None) -> Path:
    """Return the cache folder: the configured one, else ``ETBENCH_CACHE``, else the user's cache folder."""
    chosen = configured or os.environ.get("ETBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    import platformdirs  # not on a device, which imports this package and has no cache

    return Path(platformdirs.user_cache_dir("etbench"))


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
    """Programs by key, in a folder that several etbench processes can share.

    Args:
        folder: created if it does not exist.
        max_bytes: after each insertion, the least recently used entries are removed until the rest fits.
        remote: a second level, which is searched for entries that are missing here and receives those that
            are added here. Pruning, listing and verifying do not change it.

    """

    def __init__(self, folder: Path, max_bytes: int, remote: RemoteCache | None = None) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.remote = remote

    @property
    def work(self) -> Path:
        """The folder of unfinished entries, on the same file system, so that a rename completes them."""
        return self.folder / "work"

    @property
    def native(self) -> Path:
        """The folder of compiled native runners, named after what they were compiled from."""
        return self.folder / "native"

    def writable(self) -> bool:
        """Return whether entries can be added; a read-only cache is still used."""
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
        """Hold the lock of a key, so that one etbench builds the program while others wait for it."""
        with locked_where_possible(self._locks / f"{key}.lock", on_wait):
            yield

    def take(self, key: str, folder: Path, on_lost: OnLost) -> Artifact | None:
        """Put the files of an entry into an empty folder and return its artifact, or None if there is none.

        They are hard links if the file system supports them, so that pruning cannot remove them during a
        run. An entry that is damaged or has another format is removed and counts as missing. An entry that
        only the remote cache has is also added here.
        """
        sidecar = self._take_here(key, folder)
        if sidecar is None and self.remote is not None:
            sidecar = self.remote.fetch(key, folder, on_lost)
            if sidecar is not None:
                with contextlib.suppress(OSError):  # a full disk, or a cache that can only be read
                    self._enter(sidecar, folder)
        return sidecar.artifact if sidecar else None

    def find(self, key: str) -> Artifact | None:
        """Return the artifact of a local entry, without copying or checking its files."""
        sidecar = read_sidecar(self._entry(key))
        return sidecar.artifact if sidecar is not None and sidecar.key == key else None

    def put(self, key: str, name: str, artifact: Artifact, built: Path, on_lost: OnLost) -> None:
        """Add the files in a folder as an entry, here and in the remote cache; the folder does not change."""
        sidecar = Sidecar.of(key, name, artifact, built)
        self._enter(sidecar, built)
        if self.remote is not None:
            self.remote.push(sidecar, built, on_lost)

    def entries(self) -> list[Entry]:
        """Return the readable entries, the most recently used first."""
        found = []
        for folder in self._entries.glob("*/*"):
            sidecar = read_sidecar(folder)
            if sidecar is not None:
                with contextlib.suppress(OSError):
                    size = sum(file.stat().st_size for file in folder.iterdir())
                    used = sidecar_path(folder).stat().st_mtime
                    found.append(Entry(folder, sidecar.key, sidecar.name, sidecar.artifact, size, used))
        return sorted(found, key=lambda entry: -entry.used_s)

    def prune(self, max_bytes: int, keep: str = "") -> list[Entry]:
        """Remove the least recently used entries until the rest fits, and return the removed ones."""
        self._remove_abandoned()
        removed, total = [], 0
        for entry in self.entries():
            total += entry.bytes
            if total > max_bytes and entry.key != keep and self._discard(entry.folder):
                removed.append(entry)
        return removed

    def verify(self) -> list[Path]:
        """Remove every folder that is not a valid entry, and return these folders."""
        return [
            folder
            for folder in self._entries.glob("*/*")
            if not _sound(folder, folder.name) and self._discard_damaged(folder)
        ]

    def clear(self) -> int:
        """Remove all entries, and return how many there were."""
        return sum(self._discard(folder) for folder in list(self._entries.glob("*/*")))

    @property
    def _entries(self) -> Path:
        return self.folder / f"v{FORMAT}"

    @property
    def _locks(self) -> Path:
        return self.folder / "locks"

    def _entry(self, key: str) -> Path:
        return self._entries / key[:2] / checked_key(key)

    def _take_here(self, key: str, folder: Path) -> Sidecar | None:
        source = self._entry(key)
        sidecar, damaged = read_sidecar(source), True
        if sidecar is not None and sidecar.key == key:
            try:
                for path in FILES:
                    link_or_copy(path(source), path(folder))
                if sidecar.fits(folder):
                    with contextlib.suppress(OSError):
                        os.utime(sidecar_path(source))  # used now
                    return sidecar
            except OSError as error:  # a full disk or a lost network does not mean that the entry is damaged
                damaged = isinstance(error, FileNotFoundError)
            for path in FILES:
                with contextlib.suppress(OSError):
                    path(folder).unlink()
        if damaged:
            self._discard_damaged(source)
        return None

    def _enter(self, sidecar: Sidecar, built: Path) -> None:
        """Add the files in a folder as a local entry, unless there is one."""
        staging = self.work / f".entry-{uuid.uuid4().hex}"
        staging.mkdir(parents=True)
        try:
            for path in FILES:
                link_or_copy(path(built), path(staging))
            sidecar_path(staging).write_bytes(sidecar.encode())
            entry = self._entry(sidecar.key)
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                staging.rename(entry)
            except OSError as error:
                first = error.errno in (errno.EEXIST, errno.ENOTEMPTY)  # another process added it first
                if not first and read_sidecar(entry) is None:  # else it was renamed, and the answer got lost
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        self.prune(self.max_bytes, keep=sidecar.key)

    def _discard_damaged(self, folder: Path) -> bool:
        """Remove a damaged entry; if it proves valid once no other process can move it, put it back."""
        gone = self._set_aside(folder)
        if gone is None:
            return False
        sound = _sound(gone, folder.name)
        if sound:
            with contextlib.suppress(OSError):  # another was added meanwhile
                gone.rename(folder)
        shutil.rmtree(gone, ignore_errors=True)
        return not sound

    def _discard(self, folder: Path) -> bool:
        """Remove an entry at once, and return whether it existed."""
        gone = self._set_aside(folder)
        if gone is not None:
            shutil.rmtree(gone, ignore_errors=True)
        return gone is not None

    def _set_aside(self, folder: Path) -> Path | None:
        """Rename an entry, so that nobody finds half of it; return its new path, or None if it is gone."""
        gone = self.work / f".gone-{uuid.uuid4().hex}"
        try:
            if folder.exists():
                self.work.mkdir(parents=True, exist_ok=True)
            folder.rename(gone)
            os.utime(gone)  # not abandoned, however old the entry is
        except OSError:
            return None
        return gone

    def _remove_abandoned(self) -> None:
        """Remove what killed processes began to add or to remove, and did not finish."""
        for folder in self.work.glob(".[eg]*-*"):
            with contextlib.suppress(OSError):
                if time.time() - folder.stat().st_mtime > ABANDONED_S:
                    shutil.rmtree(folder, ignore_errors=True)


def _sound(folder: Path, key: str) -> bool:
    sidecar = read_sidecar(folder)
    try:
        return sidecar is not None and sidecar.key == key and sidecar.fits(folder)
    except OSError:
        return False
