"""The results in the folders of the page; each file is read once, and again when it changes.

A browser names a result by its key in this list, never by a path: a file that is not listed is not read.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from etbench.results.comparison.pairing import cell_name
from etbench.results.files.store import UnreadableError, find_files, read_result
from etbench.results.schema import Result
from etbench.text import printable
from etbench.ui.faults import noting_faults

__all__ = ["Entry", "Library"]

LOOK_EVERY_S = 3.0
STALE = (0, 0)  # the stamp of a file that could not be read: the cause may pass without a change of the file


@dataclass(frozen=True)
class Entry:
    """A result file. `key` names it, `folder` the sweep it belongs to; both are unique among the roots."""

    key: str
    folder: str
    path: Path
    result: Result


class Library:
    """All results below some folders.

    Args:
        roots: the folders; one that does not exist yet is empty.

    """

    def __init__(self, roots: Sequence[Path]) -> None:
        self.roots = list(roots)
        self.entries: dict[str, Entry] = {}
        self.unreadable: dict[str, str] = {}  # why, by key
        self.version = 0
        self._read: dict[Path, tuple[tuple[int, int], Result | str]] = {}
        self._looked_at = -LOOK_EVERY_S
        self._lock = threading.Lock()

    def look(self) -> int:
        """Read new files, at most every few seconds; return a number that grows with each change."""
        with self._lock:
            if time.monotonic() - self._looked_at >= LOOK_EVERY_S:
                self._scan()
                self._looked_at = time.monotonic()
        return self.version

    def key_of(self, path: Path) -> str | None:
        """Return the key that a file has or will have; None if it is outside the folders."""
        for number, root in enumerate(self.roots):
            if path.is_relative_to(root):
                return self._key(number, path.relative_to(root))
        return None

    def folders(self) -> list[str]:
        """Name the folders with results in them, the latest written first."""
        latest: dict[str, str] = {}
        for entry in self.entries.values():
            latest[entry.folder] = max(latest.get(entry.folder, ""), entry.result.created_at)
        return sorted(latest, key=lambda folder: latest[folder], reverse=True)

    def results(self, folders: Iterable[str]) -> list[Result]:
        """Return the results of these folders."""
        return [entry.result for entry in self.of(folders)]

    def of(self, folders: Iterable[str]) -> list[Entry]:
        """Return the entries of these folders."""
        wanted = set(folders)
        return [entry for entry in self.entries.values() if entry.folder in wanted]

    def left_out(self, folders: Iterable[str]) -> list[tuple[str, str]]:
        """List the cells and files without measurements in these folders, each with the reason."""
        wanted = set(folders)
        words = [
            (cell_name(result), _reason(result)) for result in self.results(wanted) if result.status != "ok"
        ]
        return words + [(key, why) for key, why in self.unreadable.items() if _folder(key) in wanted]

    def _scan(self) -> None:
        entries: dict[str, Entry] = {}
        unreadable: dict[str, str] = {}
        read = {}
        for number, root in enumerate(self.roots):
            files: list[Path] = []
            with noting_faults(partial(unreadable.__setitem__, self._key(number, Path()))):
                files = find_files([root]) if root.is_dir() else []
            for path in files:
                if _leads_out(path, root):
                    continue
                found = read[path] = self._once(path)
                key = self._key(number, path.relative_to(root))
                if isinstance(found[1], Result):
                    entries[key] = Entry(key, _folder(key), path, found[1])
                else:
                    unreadable[key] = found[1]
        if read != self._read:
            self.entries, self.unreadable, self._read = entries, unreadable, read
            self.version += 1

    def _once(self, path: Path) -> tuple[tuple[int, int], Result | str]:
        stamp = STALE
        try:
            stat = path.stat()
            stamp = (stat.st_mtime_ns, stat.st_size)
            known = self._read.get(path)
            return known if known and known[0] == stamp else (stamp, read_result(path))
        except OSError as error:
            return STALE, printable(f"{path}: cannot be read: {error.strerror}")
        except UnreadableError as error:
            return STALE if isinstance(error.__cause__, OSError) else stamp, printable(str(error))

    def _key(self, number: int, relative: Path) -> str:
        name = self.roots[number].name or str(self.roots[number])
        twice = sum(root.name == name for root in self.roots) > 1
        root = f"{name}#{number + 1}" if twice else name
        return printable(
            f"{root}/{relative.as_posix()}"
        )  # a name need not be UTF-8, but a browser expects it


def _folder(key: str) -> str:
    return key.rpartition("/")[0]


def _leads_out(path: Path, root: Path) -> bool:
    """Return whether a path is a link to another place; one that leads to itself leads nowhere."""
    with suppress(RuntimeError):  # such a loop
        return not path.resolve().is_relative_to(root.resolve())
    return False


def _reason(result: Result) -> str:
    failure = result.failure
    if failure is not None:
        return f"failed at stage {failure.stage}: {failure.first_line}"
    return f"{result.status}: {result.reason or result.errors}"
