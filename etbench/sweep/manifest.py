"""The plan of a sweep, written before anything is built, so that an interrupted one can be resumed."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
from filelock import FileLock, Timeout
from msgspec import Struct

from etbench.builder.cache import changed_since
from etbench.config import Cell, decides_cell
from etbench.errors import ConfigError
from etbench.redaction import arguments_without_secrets
from etbench.results.files.store import UnreadableError, read_result, read_results
from etbench.results.schema import Result, Status
from etbench.system.files import own_folder, replace_file, without_link
from etbench.system.reading import RefusedError, read_file
from etbench.system.seal import is_sealed, seal
from etbench.system.strict_json import decode_json, encode_json, plain_fault
from etbench.text import counted, path_text

__all__ = [
    "HIDDEN",
    "Manifest",
    "accuracy_changed",
    "alone_in",
    "close_manifest",
    "finished_cells",
    "has_manifest",
    "manifest_path",
    "read_manifest",
]

HIDDEN = ".sweep"
SHOWN = 8
VERSION = 1
SHORT = 100  # characters of the name of a result that is moved


class PlannedCell(Struct, frozen=True, kw_only=True):
    """A cell of the grid, by the identity of what it measures."""

    stem: str
    cell_id: str
    config: dict[str, Any]


class Manifest(Struct, frozen=True, kw_only=True):
    """The cells of a sweep, in order; `finished_at` is null until all of them are finished.

    `argv` is the command line that started it, and `seal` shows who did (`etbench.system.seal`). If it is
    `growing`, cells are added as they are run, since the launcher does not have the whole grid.
    """

    version: int = VERSION
    argv: list[str]
    seal: str = ""
    created_at: str
    finished_at: str | None = None
    growing: bool = False
    cells: list[PlannedCell]

    @classmethod
    def of(cls, cells: Sequence[Cell], *, growing: bool = False) -> Manifest:
        """Return the manifest of a sweep that starts now."""
        argv = arguments_without_secrets(sys.argv[1:])
        return cls(
            argv=argv,
            seal=seal(_sealed_text(argv)),
            created_at=_now(),
            cells=_planned(cells),
            growing=growing,
        )

    @property
    def is_own(self) -> bool:
        """Whether this user has started the sweep."""
        return is_sealed(_sealed_text(self.argv), self.seal)

    def extended(self, cells: Sequence[Cell]) -> Manifest:
        """Return it with more cells, for sweepers that choose cells during the sweep."""
        return msgspec.structs.replace(self, cells=[*self.cells, *_planned(cells)], finished_at=None)

    def resumed(self, cells: Sequence[Cell]) -> Manifest:
        """Return the manifest of a sweep that is resumed with these cells: itself, unless it is growing.

        Raises:
            ConfigError: if they are not the cells of this manifest.

        """
        self.check_same(cells)
        known = {planned.cell_id for planned in self.cells}
        new = [cell for cell in cells if cell.cell_id not in known]
        return self.extended(new) if new else self

    def begun(self) -> Manifest:
        """Return the manifest without an end, for a resumed sweep that has cells to run again."""
        return msgspec.structs.replace(self, finished_at=None)

    def finished(self) -> Manifest:
        """Return the manifest with the current time as its end."""
        return msgspec.structs.replace(self, finished_at=_now())

    def write(self, folder: Path) -> None:
        """Write it into the sweep's folder."""
        _hidden(folder)
        replace_file(manifest_path(folder), encode_json(self))

    def check_same(self, cells: Sequence[Cell]) -> None:
        """Check that these are the cells of the manifest; a growing one may lack some.

        Raises:
            ConfigError: if they are not; the message lists missing cells and different values.

        """
        now = {cell.cell_id: cell for cell in cells}
        then = {planned.cell_id: planned for planned in self.cells}
        gone = [then[key] for key in then.keys() - now.keys()]
        new = [now[key] for key in now.keys() - then.keys()]
        by_stem = {cell.stem: cell for cell in new}
        faults = []
        for planned in sorted(gone, key=lambda planned: planned.stem):
            other = by_stem.pop(planned.stem, None)
            if other is None:
                faults.append(f"{planned.stem}: was in the resumed sweep, but is not in this one")
            else:
                faults.append(f"{planned.stem}: {_differences(planned.config, other.config)}")
        if not self.growing:
            faults += [
                f"{stem}: is in this sweep, but was not in the resumed one" for stem in sorted(by_stem)
            ]
        if faults:
            rest = len(faults) - SHOWN
            more = [f"and {counted(rest, 'more cell')}"] if rest > 0 else []
            raise ConfigError(["sweep.resume: not the same sweep", *faults[:SHOWN], *more])


class _Versioned(Struct, frozen=True):
    version: int = VERSION


def manifest_path(folder: Path) -> Path:
    """Return the path of the manifest of a sweep's folder."""
    return folder / HIDDEN / "manifest.json"


def read_manifest(folder: Path) -> Manifest:
    """Read the manifest of a sweep's folder.

    Raises:
        ConfigError: if there is no manifest, it cannot be read, or it is of another version of etbench.

    """
    try:
        body = read_file(manifest_path(folder))
        version = decode_json(body, _Versioned).version
        if version != VERSION:
            raise ConfigError(
                [
                    f"sweep.resume={folder}: its manifest is of version {version}, and this etbench reads "
                    f"version {VERSION}; resume it with the version of etbench that started it"
                ]
            )
        manifest = decode_json(body, Manifest)
    except (FileNotFoundError, NotADirectoryError):
        raise ConfigError([f"sweep.resume={folder}: no sweep was started in this folder"]) from None
    except (OSError, msgspec.DecodeError) as error:
        raise ConfigError([f"sweep.resume={folder}: its manifest cannot be read: {error}"]) from error
    for planned in manifest.cells:
        if fault := plain_fault(planned.config):
            raise ConfigError([f"sweep.resume={folder}: its manifest cannot be read: {fault}"])
    return manifest


def has_manifest(folder: Path) -> bool:
    """Return whether a sweep was started in this folder."""
    return manifest_path(folder).exists()


def close_manifest(folder: Path) -> None:
    """Mark a sweep as finished, if its folder has a result of each planned cell."""
    manifest = read_manifest(folder)
    if manifest.finished_at is None:
        done = {result.cell_id for _, result in read_results(sorted(folder.glob("*.json")))[0]}
        if all(planned.cell_id in done for planned in manifest.cells):
            manifest.finished().write(folder)


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Lock the folder for one sweep; the kernel frees the lock even if the process is killed.

    Raises:
        ConfigError: if another sweep is running there.

    """
    lock = FileLock(without_link(_hidden(folder) / "lock"))
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise ConfigError([f"{folder}: another etbench is running a sweep in this folder"]) from None
    try:
        yield
    finally:
        lock.release()


def finished_cells(
    folder: Path, *, retry: Status | None, retried: Collection[str] | None = None
) -> tuple[dict[str, Result], list[str]]:
    """Return the results of the folder that do not need another run, by cell, and messages on moved files.

    A file that is not a valid result, that of a cell whose accuracy function has changed since, that of a
    cell whose process was killed from outside, and that of a cell with the status `retry` is moved to a
    hidden folder: nothing is deleted, and its name is free for the new result. If `retried` is given, only
    results of cells in it are moved.
    """
    done: dict[str, Result] = {}
    words = []
    for path in sorted(folder.glob("*.json")):
        try:
            result = read_result(path)
        except UnreadableError as error:
            words.append(_set_aside(path, str(error.message)))
            continue
        movable = retried is None or result.cell_id in retried
        if movable and result.status == retry:
            _set_aside(path, "")
        elif movable and result.failure and (by := result.failure.killed_by):
            words.append(_set_aside(path, f"{path.name}: run again, since {by} killed its process"))
        elif movable and (change := accuracy_changed(result)):
            words.append(_set_aside(path, f"{path.name}: the accuracy is measured again: {change}"))
        else:
            done[result.cell_id] = result
    return done, words


def accuracy_changed(result: Result) -> str:
    """Describe what has changed since in what a result's accuracy function read; empty if nothing has."""
    return changed_since(result.evaluation_sources) if result.evaluation_sources else ""


def _hidden(folder: Path) -> Path:
    """Return the hidden folder of a sweep, and create it if it does not exist.

    Raises:
        ConfigError: if it is a link: a sweep that is resumed would write to where it leads.

    """
    try:
        return own_folder(folder / HIDDEN)
    except RefusedError as error:
        raise ConfigError([f"{path_text(folder / HIDDEN)}: {error.strerror}"]) from error


def _set_aside(path: Path, why: str) -> str:
    aside = own_folder(path.parent / HIDDEN / "aside")
    number = 1
    while os.path.lexists(target := aside / f"{path.stem[:SHORT]}-{number}.json"):
        number += 1
    path.rename(target)
    return f"{why}; moved to {target}"


def _differences(then: dict[str, Any], now: dict[str, Any]) -> str:
    old, new = dict(_flat(then)), dict(_flat(now))
    keys = [key for key in {**old, **new} if old.get(key) != new.get(key) and decides_cell(key)]
    words = [f"{key} was {old.get(key)}, is {new.get(key)}" for key in keys[:SHOWN]]
    return "; ".join(words) or "planned by another version of etbench"


def _flat(config: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in config.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def _sealed_text(argv: Sequence[str]) -> str:
    return f"sweep {msgspec.json.encode(argv).decode()}"


def _planned(cells: Sequence[Cell]) -> list[PlannedCell]:
    return [PlannedCell(stem=cell.stem, cell_id=cell.cell_id, config=cell.config) for cell in cells]


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
