"""The artifact cache: programs that are already built, found by the key of their recipe.

A key may have several programs, made from different code or data of the user; `etbench.builder.manifest`
compares them with what is there now.

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
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from etbench.artifact import Artifact
from etbench.artifact.sources import Sources
from etbench.builder.entry import FILES, FORMAT, Sidecar, checked_key, read_sidecar, sidecar_path
from etbench.builder.manifest import KEPT, changed_since
from etbench.builder.remote import OnLost, RemoteCache
from etbench.builder.removing import (
    discard,
    discard_damaged,
    is_sound,
    remove_abandoned,
    remove_older_formats,
)
from etbench.errors import EtbenchError
from etbench.system.files import link_or_copy
from etbench.system.locks import locked_where_possible

__all__ = ["Cache", "Entry", "cache_folder"]


def cache_folder(configured: str | None) -> Path:
    """Return the cache folder: the configured one, else ``ETBENCH_CACHE``, else the user's cache folder.

    Raises:
        EtbenchError: if it is in the home of a user that does not exist.

    """
    chosen = configured or os.environ.get("ETBENCH_CACHE")
    if chosen:
        try:
            return Path(chosen).expanduser()
        except RuntimeError:
            raise EtbenchError(
                f"{chosen}: there is no such user; name another folder", stage="cache"
            ) from None
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

    @property
    def sources(self) -> Sources:
        """The user's code and data that the program was made from."""
        return self.artifact.sources or Sources()


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

    def take(
        self, key: str, folder: Path, on_lost: OnLost, on_changed: Callable[[str], None] = lambda _: None
    ) -> Artifact | None:
        """Put the files of an entry into an empty folder and return its artifact, or None if there is none.

        They are hard links if the file system supports them, so that pruning cannot remove them during a
        run. An entry that is damaged or has another format is removed and counts as missing. An entry that
        only the remote cache has is also added here.

        Args:
            key: of the recipe.
            folder: an existing, empty folder.
            on_lost: called with the reason if the remote cache fails.
            on_changed: called with what has changed, if all entries of the key were made from other code or
                data than there is now.

        """
        changes = []
        for entry in self._folders(key):
            if _described(entry) is None:
                discard_damaged(entry, self.work)
        for entry, sidecar in self._of_key(key):
            if change := changed_since(sidecar.sources):
                changes.append(change)
            elif self._copied(entry, sidecar, folder):
                return sidecar.artifact
        if self.remote is not None:
            fetched = self.remote.fetch(key, folder, on_lost)
            if fetched is not None:
                with contextlib.suppress(OSError):  # a full disk, or a cache that can only be read
                    self._enter(fetched, folder)
                return fetched.artifact
        if changes:
            on_changed(changes[0])
        return None

    def find(self, key: str) -> tuple[Artifact | None, str]:
        """Return the artifact of a local entry, without copying or checking its files.

        If there is none, return what has changed since there was one; empty if there never was.
        """
        changes = []
        for _, sidecar in self._of_key(key):
            if not (change := changed_since(sidecar.sources)):
                return sidecar.artifact, ""
            changes.append(change)
        return None, changes[0] if changes else ""

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
        """Remove the least recently used entries until the rest fits, and return the removed ones.

        Args:
            max_bytes: size of the rest.
            keep: name of the folder of an entry that stays.

        """
        remove_abandoned(self.work)
        remove_older_formats(self.folder)
        removed, total = [], 0
        for entry in self.entries():
            total += entry.bytes
            if total > max_bytes and entry.folder.name != keep and discard(entry.folder, self.work):
                removed.append(entry)
        return removed

    def verify(self) -> list[Path]:
        """Remove every folder that is not a valid entry, and return these folders."""
        return [
            folder
            for folder in self._entries.glob("*/*")
            if not is_sound(folder) and discard_damaged(folder, self.work)
        ]

    def clear(self) -> int:
        """Remove all entries, and return how many there were."""
        remove_older_formats(self.folder)
        return sum(discard(folder, self.work) for folder in list(self._entries.glob("*/*")))

    @property
    def _entries(self) -> Path:
        return self.folder / f"v{FORMAT}"

    @property
    def _locks(self) -> Path:
        return self.folder / "locks"

    def _folders(self, key: str) -> list[Path]:
        return list((self._entries / key[:2]).glob(f"{checked_key(key)}.*"))

    def _of_key(self, key: str) -> list[tuple[Path, Sidecar]]:
        """Return the readable entries of a key, the most recently used first."""
        found = []
        for folder in self._folders(key):
            sidecar = _described(folder)
            if sidecar is not None:
                with contextlib.suppress(OSError):  # removed meanwhile
                    found.append((sidecar_path(folder).stat().st_mtime_ns, folder, sidecar))
        return [(folder, sidecar) for _, folder, sidecar in sorted(found, key=lambda one: -one[0])]

    def _copied(self, source: Path, sidecar: Sidecar, folder: Path) -> bool:
        """Put the files of an entry into a folder and return True, or False if it is damaged or gone."""
        damaged = True
        try:
            for path in FILES:
                link_or_copy(path(source), path(folder))
            if sidecar.fits(folder):
                with contextlib.suppress(OSError):
                    os.utime(sidecar_path(source))  # used now
                return True
        except OSError as error:  # a full disk or a lost network does not mean that the entry is damaged
            damaged = isinstance(error, FileNotFoundError)
        for path in FILES:
            with contextlib.suppress(OSError):
                path(folder).unlink()
        if damaged:
            discard_damaged(source, self.work)
        return False

    def _enter(self, sidecar: Sidecar, built: Path) -> None:
        """Add the files in a folder as a local entry, unless there is one."""
        staging = self.work / f".entry-{uuid.uuid4().hex}"
        staging.mkdir(parents=True)
        try:
            for path in FILES:
                link_or_copy(path(built), path(staging))
            sidecar_path(staging).write_bytes(sidecar.encode())
            entry = self._entries / sidecar.key[:2] / sidecar.folder_name
            entry.parent.mkdir(parents=True, exist_ok=True)
            try:
                staging.rename(entry)
            except OSError as error:
                first = error.errno in (errno.EEXIST, errno.ENOTEMPTY)  # another process added it first
                if not first and read_sidecar(entry) is None:  # else it was renamed, and the answer got lost
                    raise
        finally:
            shutil.rmtree(staging, ignore_errors=True)
        for folder, _ in self._of_key(sidecar.key)[KEPT:]:
            discard(folder, self.work)
        self.prune(self.max_bytes, keep=sidecar.folder_name)


def _described(folder: Path) -> Sidecar | None:
    """Return the description of an entry if the folder has its name: its list is the one that was stored."""
    sidecar = read_sidecar(folder)
    return sidecar if sidecar is not None and sidecar.folder_name == folder.name else None
