"""Write result files so that none is lost, and read them from files and folders."""

from __future__ import annotations

import errno
import os
import re
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from etbench.errors import EtbenchError
from etbench.results.checks import judged, with_latency_findings
from etbench.results.files.cleaning import cleaned, needs_cleaning
from etbench.results.files.upgrade import fill_in, is_flat, upgrade
from etbench.results.schema import SCHEMA_VERSION, Result
from etbench.results.schema.meaning import meaning_fault
from etbench.system.files import LONGEST_STEM, name_file, temporary_beside
from etbench.system.reading import read_file
from etbench.system.strict_json import decode_json, encode_json, plain_fault
from etbench.text import path_text, printable

__all__ = [
    "GRAPH_SUFFIX",
    "DuplicateError",
    "UnreadableError",
    "find_files",
    "read_result",
    "read_results",
    "with_program_of",
    "write_result",
    "written_at",
]

GRAPH_SUFFIX = ".graph"  # of the folders that `etbench graph` writes, whose files are not results
LAST_TIME = 253_402_300_799  # of the year 9999, in seconds
UNFIT = (errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)  # a file system that refuses a name


class UnreadableError(EtbenchError):
    """A file that is not a result of this schema."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(printable(f"{path_text(path)}: {why}"), stage="read")
        self.path = path
        self.why = why


class DuplicateError(UnreadableError):
    """A file with the same measurement as another file."""

    def __init__(self, path: Path, first: Path) -> None:
        super().__init__(path, f"a copy of {path_text(first)}")


def write_result(result: Result, folder: Path, stem: str) -> Path:
    """Write ``{stem}.json``, or ``{stem}-{cell_id}.json`` and so on if that name is taken.

    The file appears whole or not at all, and never replaces another one. A kept program
    gets the name of the result. A name that is too long, or that the file system refuses, is shortened.

    Returns:
        The path of the new file.

    """
    folder.mkdir(parents=True, exist_ok=True)
    cell_id = re.sub(r"[^\w-]", "_", result.cell_id)[:40]  # it may be that of a hostile file
    try:
        return _write_as(_names(_short(stem), cell_id), result, folder)
    except OSError as error:
        if error.errno not in UNFIT:
            raise
        return _write_as(_names(f"cell-{cell_id}", cell_id), result, folder)


def _write_as(names: Iterable[str], result: Result, folder: Path) -> Path:
    """Write a result under the first of these names that is free."""
    temporary = temporary_beside(folder / "result")
    try:
        for name in names:
            path = folder / f"{name}.json"
            if os.path.lexists(path):
                continue
            if result.pte_file:
                result = with_program_of(path, result)
            _write_through(temporary, msgspec.json.format(encode_json(result), indent=2) + b"\n")
            with suppress(FileExistsError):
                name_file(temporary, path)
                return path
            temporary.unlink(missing_ok=True)
    finally:
        temporary.unlink(missing_ok=True)
    raise AssertionError("unreachable: there is always another name")


def with_program_of(path: Path, result: Result) -> Result:
    """Return the result with a kept program that has the name of this result file."""
    return msgspec.structs.replace(result, pte_file=path.with_suffix(".pte").name)


def _write_through(path: Path, body: bytes) -> None:
    """Write a file and flush it to the disk."""
    with path.open("xb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the given files and the JSON files in the given folders, by name, without hidden ones.

    A folder that cannot be listed is among them, so that whoever reads it finds out why.

    Raises:
        EtbenchError: if one of the given files or folders does not exist.

    """
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except FileNotFoundError as error:
            raise EtbenchError(f"{path_text(path)}: no such file or folder", stage="read") from error
        except OSError:  # said when it is read
            is_folder = False
        found |= dict.fromkeys(map(Path, sorted(_json_files(path))) if is_folder else [path])
    return list(found)


def read_result(path: Path) -> Result:
    """Read one result file, of this schema or an older one, with its texts as `cleaning` shows them.

    Raises:
        UnreadableError: if it cannot be read, is not a result, has a newer schema version, or its values
            cannot be those of a measurement.

    """
    try:
        body = read_file(path)
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from error
    result = None
    if b'"schema_version"' in body and not needs_cleaning(body):
        with suppress(msgspec.DecodeError):  # the slower path below finds out what is wrong
            result = decode_json(body, Result)
    if result is None or result.schema_version != SCHEMA_VERSION:
        result = _read_carefully(path, body)
    if fault := meaning_fault(result):
        raise UnreadableError(path, fault)
    return _with_findings(result)


def _read_carefully(path: Path, body: bytes) -> Result:
    """Read an older file, or raise an error that explains what is wrong with this one."""
    try:
        raw = decode_json(body)
    except msgspec.DecodeError as error:
        raise UnreadableError(path, f"not valid JSON: {error}") from error
    if isinstance(raw, dict) and (fault := plain_fault(raw)):
        raise UnreadableError(path, fault)
    raw = cleaned(raw)
    try:
        if isinstance(raw, dict) and is_flat(raw):
            raw = upgrade(raw, created_at=written_at(path))
        if not isinstance(raw, dict) or "schema_version" not in raw:
            raise UnreadableError(path, "not a result of etbench (it has no schema_version)")
        if (version := raw["schema_version"]) != SCHEMA_VERSION:
            newer = isinstance(version, int) and version > SCHEMA_VERSION
            hint = "; update etbench to read it" if newer else ""
            shown = path_text(str(version)[:40])
            raise UnreadableError(
                path, f"schema version {shown}, but this etbench reads {SCHEMA_VERSION}{hint}"
            )
        return msgspec.convert(raw, Result)
    except msgspec.ValidationError as error:
        raise UnreadableError(path, str(error)) from error


def written_at(path: Path) -> str:
    """Return when a file was written, in ISO 8601.

    Raises:
        UnreadableError: if it is gone.

    """
    try:
        written = path.stat().st_mtime
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from error
    return datetime.fromtimestamp(min(max(written, 0), LAST_TIME), UTC).isoformat(timespec="seconds")


def _with_findings(result: Result) -> Result:
    """Return a result with its findings, which those of older versions lack or have by other rules."""
    if result.stability is not None and (filled := fill_in(result)) is not result:
        return judged(filled) if result.findings is None else with_latency_findings(filled)
    return judged(result) if result.findings is None else result


def read_results(paths: Iterable[str | Path]) -> tuple[list[tuple[Path, Result]], list[UnreadableError]]:
    """Read all results in files and folders; errors of other files are returned, not raised."""
    results: list[tuple[Path, Result]] = []
    unreadable: list[UnreadableError] = []
    for path in find_files(paths):
        try:
            results.append((path, read_result(path)))
        except UnreadableError as error:
            unreadable.append(error)
    return results, unreadable


def _short(stem: str) -> str:
    """Return a name of a file that is not hidden, and not too long with its suffixes."""
    return stem.lstrip(".").encode("utf-8", "replace")[:LONGEST_STEM].decode("utf-8", "ignore") or "cell"


def _names(stem: str, cell_id: str) -> Iterator[str]:
    yield stem
    yield f"{stem}-{cell_id}"
    number = 2
    while True:
        yield f"{stem}-{cell_id}-{number}"
        number += 1


def _json_files(folder: Path) -> Iterator[str]:
    """Walk with `os`, which takes a third of the time of `Path.rglob` for many files."""
    unlisted: list[str] = []
    for parent, folders, files in os.walk(folder, onerror=lambda error: unlisted.append(error.filename)):
        folders[:] = [
            name for name in folders if not name.startswith(".") and not name.endswith(GRAPH_SUFFIX)
        ]
        yield from (
            f"{parent}{os.sep}{name}" for name in files if name.endswith(".json") and not name.startswith(".")
        )
    yield from unlisted
