"""Kept baselines: results with their programs under a name, beside the cache of programs and never pruned.

``baseline:NAME`` names one wherever a path of a baseline is expected. Its folder, ``baselines/NAME`` in the
cache folder, has the result files and a ``.pte`` beside each, like a run with ``keep_pte=true``. It is added,
replaced and removed by renaming, so that no process finds half of one.
"""

from __future__ import annotations

import re
import shutil
import uuid
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from etbench.artifact import program_path
from etbench.builder.cache import Cache
from etbench.errors import EtbenchError, nearest
from etbench.results.files.store import UnreadableError, read_results, write_result
from etbench.results.schema import Result
from etbench.results.schema.names import cell_words
from etbench.system.files import copy_regular, link_or_copy, sha256
from etbench.system.reading import path_fault
from etbench.system.trust import WRITABLE
from etbench.text import and_more

__all__ = [
    "Kept",
    "is_name",
    "keep_baseline",
    "kept_baselines",
    "location_fault",
    "remove_baseline",
    "resolved",
]

PREFIX = "baseline:"
NAME = re.compile(r"[A-Za-z0-9_][\w.-]{0,99}", re.ASCII)  # a folder, and a value for Hydra, without quotes
STAGE = "baseline"


@dataclass(frozen=True)
class Kept:
    """A kept baseline: its name, its folder, the results with their files, and files that are damaged."""

    name: str
    folder: Path
    results: list[tuple[Path, Result]]
    unreadable: list[UnreadableError]

    @property
    def bytes(self) -> int:
        """Size of its files; a program that several results share counts once."""
        states = [file.stat() for file in self.folder.iterdir()]
        return sum({state.st_ino: state.st_size for state in states}.values())


def is_name(where: str | Path) -> bool:
    """Return whether a location is ``baseline:NAME`` and not a path."""
    return str(where).startswith(PREFIX)


def location_fault(where: str | Path, cache: Path) -> str | None:
    """Return what is wrong with the location of a baseline, or None.

    Args:
        where: ``baseline:NAME``, or the path of a result file or a folder.
        cache: the cache folder.

    """
    if not is_name(where):
        return path_fault(Path(where))
    name = str(where).removeprefix(PREFIX)
    if not NAME.fullmatch(name):
        return f"{where}: {_name_fault(name)}"
    names = _names(cache)
    if name in names:
        return None
    there = f"there are: {and_more(names, most=8)}" if names else "none is kept"
    return (
        f"{where}: no such baseline in {_root(cache)}{nearest(name, names)}; {there}; "
        f"`etbench baseline set {name} DIR` keeps one"
    )


def resolved(where: str | Path, cache: Path) -> Path:
    """Return the path of a baseline; see `location_fault` for the arguments.

    Raises:
        EtbenchError: if there is no such baseline, file or folder.

    """
    if fault := location_fault(where, cache):
        raise EtbenchError(fault, stage=STAGE)
    return _root(cache) / str(where).removeprefix(PREFIX) if is_name(where) else Path(where)


def keep_baseline(name: str, source: Path, cache: Cache) -> tuple[Kept, list[str]]:
    """Copy the measured results of a file or folder and their programs; replace a baseline of that name.

    Returns:
        The baseline, and a line about each result that was left out.

    Raises:
        EtbenchError: if the name is not valid, nothing was measured, or a program is neither beside its
            result nor in the cache; the message names these. A baseline of that name is then unchanged.

    """
    _checked(name)
    found, unreadable = read_results([source])
    measured = [(path, result) for path, result in found if result.status == "ok" and result.artifact]
    left_out = [error.message for error in unreadable]
    left_out += [f"{path}: {_why_not(result)}" for path, result in found if (path, result) not in measured]
    listed = "".join(f"\n  - {line}" for line in left_out)
    if not measured:
        raise EtbenchError(f"{source}: there is no measured result to keep{listed}", stage=STAGE)
    programs = _programs(measured, cache, f"\nleft out:{listed}" if listed else "")
    staging = cache.work / f".entry-{uuid.uuid4().hex}"
    try:
        cache.claim()
        staging.mkdir(parents=True)
        for _, result in measured:
            _copy(result, programs, staging, cache.folder)
        for file in staging.iterdir():
            with suppress(OSError):  # a file system without modes
                file.chmod(file.stat().st_mode & ~WRITABLE)
        _replace(_root(cache.folder) / name, staging, cache.work)
    except OSError as error:  # a full disk, or a cache that can only be read
        raise EtbenchError(f"the baseline {name} cannot be kept: {error}", stage=STAGE) from error
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return _read(_root(cache.folder) / name), left_out


def kept_baselines(cache: Path) -> list[Kept]:
    """Return the baselines that are kept, by name."""
    return [_read(_root(cache) / name) for name in _names(cache)]


def remove_baseline(name: str, cache: Cache) -> None:
    """Remove a baseline.

    Raises:
        EtbenchError: if there is none of this name.

    """
    folder = resolved(f"{PREFIX}{name}", cache.folder)
    cache.work.mkdir(parents=True, exist_ok=True)
    gone = folder.rename(cache.work / f".gone-{uuid.uuid4().hex}")
    shutil.rmtree(gone, ignore_errors=True)


def _root(cache: Path) -> Path:
    return cache / "baselines"


def _names(cache: Path) -> list[str]:
    return sorted(
        folder.name for folder in _root(cache).glob("*") if folder.is_dir() and NAME.fullmatch(folder.name)
    )


def _name_fault(name: str) -> str:
    return f"{name!r} is not a valid name; use letters, digits, '.', '-' and '_'"


def _checked(name: str) -> None:
    if not NAME.fullmatch(name):
        raise EtbenchError(_name_fault(name), stage=STAGE)


def _read(folder: Path) -> Kept:
    return Kept(folder.name, folder, *read_results([folder]))


def _why_not(result: Result) -> str:
    reason = "an imported summary has no program" if result.status == "ok" else result.why_not
    words = cell_words(result.model_name, result.precision_short, result.delegate)
    return f"{words} is {result.status}{f' ({reason})' if reason else ''}"


def _programs(measured: list[tuple[Path, Result]], cache: Cache, left_out: str) -> dict[str, Path]:
    """Return the program of each result by its checksum, from beside a result or from the cache.

    Raises:
        EtbenchError: if one is missing; the message ends with what was left out.

    """
    places: dict[str, list[Path]] = defaultdict(list)
    for path, result in measured:
        beside = [path.parent / Path(result.pte_file).name] if result.pte_file else []
        places[_checksum(result)] += beside
    for entry in cache.entries():
        if entry.artifact.sha256 in places:
            places[entry.artifact.sha256].append(program_path(entry.folder))
    found = {
        checksum: next((place for place in known if place.is_file() and sha256(place) == checksum), None)
        for checksum, known in places.items()
    }
    if missing := [path for path, result in measured if found[_checksum(result)] is None]:
        listed = "".join(f"\n  - {path}" for path in missing)
        raise EtbenchError(
            f"the programs of these results are neither beside them nor in the cache {cache.folder}, and a "
            f"program that is built again is another baseline:{listed}\n"
            f"measure them again with keep_pte=true, which keeps the program beside the result{left_out}",
            stage=STAGE,
        )
    return {checksum: place for checksum, place in found.items() if place}


def _checksum(result: Result) -> str:
    assert result.artifact is not None  # only results with a program are kept
    return result.artifact.sha256


def _copy(result: Result, programs: dict[str, Path], folder: Path, cache: Path) -> None:
    """Write a result and its program into a folder; a program of the cache is linked if possible."""
    words = result.model_name, result.precision_short, result.delegate
    stem = re.sub(r"[^\w.-]", "_", "_".join(words))  # they may be those of a hostile file
    named = msgspec.structs.replace(result, pte_file="program.pte", log_file=None)  # write_result names it
    program = write_result(named, folder, stem).with_suffix(".pte")
    source = programs[_checksum(result)]
    if source.is_relative_to(cache):
        link_or_copy(source, program)
    else:  # a file of the user's, which may be edited in place
        copy_regular(source, program)
    programs[_checksum(result)] = program


def _replace(folder: Path, new: Path, work: Path) -> None:
    """Give a complete folder its name; if that fails, the folder that had it keeps it."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    old = work / f".gone-{uuid.uuid4().hex}"
    if folder.exists():
        folder.rename(old)
    try:
        new.rename(folder)
    except OSError:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
