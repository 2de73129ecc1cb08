"""The artifact cache: programs that are already built, found by the key of their recipe.

A key may have several programs, made from different code or data of the user;
`etbench.builder.cache.manifest` compares them with what is there now.

An entry is a folder with `model.pte`, `reference.safetensors` and `entry.json`. A rename adds or removes it
as a whole, and its checksums are verified at each use. So machines can share the folder over a network
without a lock: an entry that disappears or changes while it is copied counts as missing. Locks only avoid
building the same program twice. What other users can change is not used, unless that is allowed.
"""

from __future__ import annotations

import contextlib
import os
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

from etbench.artifact import Artifact
from etbench.builder.cache.adding import add_entry
from etbench.builder.cache.entry import FORMAT, Entry, Sidecar, Stored, checked_key, described, sidecar_path
from etbench.builder.cache.folder import cache_fault, entry_folders, mark, native_folder
from etbench.builder.cache.manifest import KEPT, changed_since
from etbench.builder.cache.remote import OnLost, RemoteCache
from etbench.builder.cache.removing import (
    discard,
    discard_damaged,
    is_sound,
    remove_abandoned,
    remove_older_formats,
)
from etbench.builder.cache.taking import DamagedError, NotOursError, of_others, take_files
from etbench.errors import EtbenchError
from etbench.system.locks import locked_where_possible
from etbench.system.reading import RefusedError

__all__ = ["Cache"]

FUTURE_S = 60.0  # by which the clocks of machines that share a cache may differ


class Cache:
    """Programs by key, in a folder that several etbench processes can share.

    Args:
        folder: created if it does not exist.
        max_bytes: after each insertion, the least recently used entries are removed until the rest fits.
        remote: a second level, which is searched for entries that are missing here and receives those that
            are added here. Pruning, listing and verifying do not change it.
        shared: use entries that other users have made, or can change.

    """

    def __init__(
        self, folder: Path, max_bytes: int, remote: RemoteCache | None = None, *, shared: bool = False
    ) -> None:
        self.folder = folder
        self.max_bytes = max_bytes
        self.remote = remote
        self.shared = shared

    @property
    def work(self) -> Path:
        """The folder of unfinished entries, on the same file system, so that a rename completes them."""
        return self.folder / "work"

    @property
    def native(self) -> Path:
        """The folder of compiled native runners."""
        return native_folder(self.folder)

    def writable(self) -> bool:
        """Return whether entries can be added; a read-only cache is still used.

        Raises:
            EtbenchError: if the folder is not a cache.

        """
        try:
            self.claim()
            for folder in (self._entries, self._locks, self.work):
                folder.mkdir(parents=True, exist_ok=True)
            probe = self.work / f".probe-{uuid.uuid4().hex}"
            probe.touch()
            probe.unlink()
        except OSError:
            return False
        return True

    def claim(self) -> None:
        """Make the folder a cache, if it is not one yet.

        Raises:
            EtbenchError: if something else is in it.
            OSError: if it cannot be written to.

        """
        self._check()
        mark(self.folder)

    @contextlib.contextmanager
    def building(self, key: str, on_wait: Callable[[], None]) -> Iterator[None]:
        """Hold the lock of a key, so that one etbench builds the program while others wait for it."""
        with locked_where_possible(self._locks / f"{key}.lock", on_wait):
            yield

    def take(
        self,
        key: str,
        folder: Path,
        on_lost: OnLost,
        on_changed: Callable[[str], None] = lambda _: None,
        *,
        env: str | None = None,
    ) -> Artifact | None:
        """Put the files of an entry into an empty folder and return its artifact, or None if there is none.

        They are hard links if the file system supports them, so that pruning cannot remove them during a
        run. An entry that is damaged or has another format is removed and counts as missing. An entry that
        only the remote cache has is also added here.

        Args:
            key: of the recipe.
            folder: an existing, empty folder.
            on_lost: called with the reason if the remote cache fails.
            on_changed: called with the reason if there are entries of the key, and none is used: they were
                made from other code or data than there is now, or by another user.
            env: the interpreter that would build it, see `changed_since`.

        """
        changes: list[str] = []
        for entry in self._folders(key):
            if described(entry) is None:
                discard_damaged(entry, self.work)
        for stored in self._of_key(key):
            if self._taken(stored, folder, changes.append, env):
                return stored.sidecar.artifact
        if self.remote is not None:
            fetched = self.remote.fetch(key, folder, on_lost, env)
            if fetched is not None:
                with contextlib.suppress(OSError):  # a full disk, or a cache that can only be read
                    self._enter(fetched, folder)
                return fetched.artifact
        if changes:
            on_changed(changes[0])
        return None

    def find(self, key: str, *, env: str | None = None) -> tuple[Artifact | None, str]:
        """Return the artifact of a local entry, without copying or checking its files.

        If there is none, return what has changed since there was one; empty if there never was.
        """
        changes = []
        for stored in self._of_key(key):
            if not (change := self._unusable(stored, env)):
                return stored.sidecar.artifact, ""
            changes.append(change)
        return None, changes[0] if changes else ""

    def put(self, key: str, name: str, artifact: Artifact, built: Path, on_lost: OnLost) -> None:
        """Add the files in a folder as an entry, here and in the remote cache; the folder does not change.

        Raises:
            EtbenchError: if the folder of the cache is not a cache.
            OSError: if the entry cannot be added.

        """
        sidecar = Sidecar.of(key, name, artifact, built)
        self._enter(sidecar, built)
        if self.remote is not None:
            self.remote.push(sidecar, built, on_lost)

    def entries(self) -> list[Entry]:
        """Return the readable entries, the most recently used first."""
        found = []
        for folder in self._all():
            stored = described(folder)
            if stored is not None:
                sidecar, used = stored.sidecar, stored.used_ns / 1e9
                with contextlib.suppress(OSError):
                    size = sum(file.lstat().st_size for file in folder.iterdir())
                    found.append(Entry(folder, sidecar.key, sidecar.name, sidecar.artifact, size, used))
        return sorted(found, key=lambda entry: -entry.used_s)

    def prune(self, max_bytes: int, keep: str = "") -> list[Entry]:
        """Remove the least recently used entries until the rest fits, and return the removed ones.

        Args:
            max_bytes: size of the rest.
            keep: name of the folder of an entry that stays.

        Raises:
            EtbenchError: if the folder is not a cache.

        """
        self._check()
        remove_abandoned(self.work)
        remove_older_formats(self.folder)
        entries = self.entries()
        for entry in reversed(entries):
            if entry.used_s > time.time() + FUTURE_S:  # the clock was set back: all others would go before it
                before = time.time() - FUTURE_S
                with contextlib.suppress(OSError):
                    os.utime(sidecar_path(entry.folder), (before, before), follow_symlinks=False)
        removed, total = [], 0
        for entry in entries:
            total += entry.bytes
            if total > max_bytes and entry.folder.name != keep and discard(entry.folder, self.work):
                removed.append(entry)
        return removed

    def verify(self) -> list[Path]:
        """Remove what has the name of an entry and is not a valid one, and return their paths.

        Raises:
            EtbenchError: if the folder is not a cache.

        """
        self._check()
        return [
            folder for folder in self._all() if not is_sound(folder) and discard_damaged(folder, self.work)
        ]

    def clear(self) -> int:
        """Remove all entries, and return how many there were.

        Raises:
            EtbenchError: if the folder is not a cache.

        """
        self._check()
        remove_older_formats(self.folder)
        return sum(discard(folder, self.work) for folder in self._all())

    def _check(self) -> None:
        if fault := cache_fault(self.folder):
            raise EtbenchError(fault, stage="cache")

    @property
    def _entries(self) -> Path:
        return self.folder / f"v{FORMAT}"

    @property
    def _locks(self) -> Path:
        return self.folder / "locks"

    def _all(self) -> list[Path]:
        return list(entry_folders(self.folder, f"v{FORMAT}"))

    def _folders(self, key: str) -> list[Path]:
        return list(entry_folders(self.folder, f"v{FORMAT}", key=checked_key(key)))

    def _of_key(self, key: str) -> list[Stored]:
        """Return the readable entries of a key, the most recently used first."""
        found = filter(None, map(described, self._folders(key)))
        return sorted(found, key=lambda stored: -stored.used_ns)

    def _unusable(self, stored: Stored, env: str | None) -> str:
        """Return why an entry is not used now; empty if it is, unless its files prove to be others."""
        return of_others(stored, shared=self.shared) or changed_since(stored.sidecar.sources, env)

    def _taken(
        self, stored: Stored, folder: Path, on_refused: Callable[[str], None], env: str | None
    ) -> bool:
        """Put the files of an entry into a folder, and return whether that was done."""
        refused = self._unusable(stored, env)
        if not refused:
            try:
                take_files(stored, folder, shared=self.shared)
            except NotOursError as error:
                refused = str(error)
            except (DamagedError, FileNotFoundError, RefusedError):
                discard_damaged(stored.folder, self.work)
                return False
            except OSError:  # a full disk or a lost network does not mean that the entry is damaged
                return False
            else:
                with contextlib.suppress(OSError):
                    os.utime(sidecar_path(stored.folder), follow_symlinks=False)  # used now
                return True
        on_refused(refused)
        return False

    def _enter(self, sidecar: Sidecar, built: Path) -> None:
        """Add the files in a folder as a local entry, unless there is one."""
        self.claim()
        entry = self._entries / sidecar.key[:2] / sidecar.folder_name
        add_entry(sidecar, built, entry, self.work, shared=self.shared)
        for stored in self._of_key(sidecar.key)[KEPT:]:
            discard(stored.folder, self.work)
        self.prune(self.max_bytes, keep=sidecar.folder_name)
