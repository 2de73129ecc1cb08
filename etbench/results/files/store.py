"""Write result files so that none is lost, and read them from files and folders."""

from __future__ import annotations

import os
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
from etbench.system.files import name_file, temporary_beside
from etbench.text import printable

__all__ = [
    "DuplicateError",
    "UnreadableError",
    "find_files",
    "read_result",
    "read_results",
    "with_program_of",
    "write_result",
]

_decoder = msgspec.json.Decoder(Result)


class UnreadableError(EtbenchError):
    """A file that is not a result of this schema."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(printable(f"{path}: {why}"), stage="read")
        self.path = path
        self.why = why


class DuplicateError(UnreadableError):
    """A file with the same measurement as another file."""

    def __init__(self, path: Path, first: Path) -> None:
        super().__init__(path, f"a copy of {first}")


def write_result(result: Result, folder: Path, stem: str) -> Path:
    """Write ``{stem}.json``, or ``{stem}-{cell_id}.json`` and so on if that name is taken.

    The file appears whole or not at all, and never replaces another one. A kept program
    gets the name of the result.

    Returns:
        The path of the new file.

    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = temporary_beside(folder / stem)
    try:
        for name in _names(stem, result.cell_id):
            path = folder / f"{name}.json"
            if path.exists():
                continue
            if result.pte_file:
                result = with_program_of(path, result)
            _write_through(temporary, msgspec.json.format(msgspec.json.encode(result), indent=2) + b"\n")
            with suppress(FileExistsError):
                name_file(temporary, path)
                return path
    finally:
        temporary.unlink(missing_ok=True)
    raise AssertionError("unreachable: there is always another name")


def with_program_of(path: Path, result: Result) -> Result:
    """Return the result with a kept program that has the name of this result file."""
    return msgspec.structs.replace(result, pte_file=path.with_suffix(".pte").name)


def _write_through(path: Path, body: bytes) -> None:
    """Write a file and flush it to the disk."""
    with path.open("wb") as file:
        file.write(body)
        file.flush()
        os.fsync(file.fileno())


def find_files(paths: Iterable[str | Path]) -> list[Path]:
    """Return the given files and the JSON files in the given folders, by name, without hidden ones."""
    found: dict[Path, None] = {}
    for path in map(Path, paths):
        if path.is_dir():
            found |= dict.fromkeys(map(Path, sorted(_json_files(path))))
        elif path.exists():
            found[path] = None
        else:
            raise EtbenchError(f"{path}: no such file or folder", stage="read")
    return list(found)


def read_result(path: Path) -> Result:
    """Read one result file, of this schema or an older one, with its texts as `cleaning` shows them.

    Raises:
        UnreadableError: if it cannot be read, is not a result, or has a newer schema version.

    """
    try:
        with path.open("rb", buffering=0) as file:  # a third of the time of `read_bytes` for many small files
            body = file.read()
        if b'"schema_version"' in body and not needs_cleaning(body):
            result = _decoder.decode(body)
            if result.schema_version == SCHEMA_VERSION:
                return _with_findings(result)
    except OSError as error:
        raise UnreadableError(path, f"cannot be read: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass  # the slower path below finds out what is wrong
    return _read_carefully(path, body)


def _read_carefully(path: Path, body: bytes) -> Result:
    """Read an older file, or raise an error that explains what is wrong with this one."""
    try:
        raw = cleaned(msgspec.json.decode(body))
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise UnreadableError(path, f"not valid JSON: {error}") from error
    if isinstance(raw, dict) and is_flat(raw):
        written = datetime.fromtimestamp(path.stat().st_mtime, UTC)
        try:
            raw = upgrade(raw, created_at=written.isoformat(timespec="seconds"))
        except msgspec.ValidationError as error:
            raise UnreadableError(path, str(error)) from error
    if not isinstance(raw, dict) or "schema_version" not in raw:
        raise UnreadableError(path, "not a result of etbench (it has no schema_version)")
    version = raw["schema_version"]
    if version != SCHEMA_VERSION:
        newer = isinstance(version, int) and version > SCHEMA_VERSION
        hint = "; update etbench to read it" if newer else ""
        raise UnreadableError(
            path, f"schema version {version}, but this etbench reads {SCHEMA_VERSION}{hint}"
        )
    try:
        return _with_findings(msgspec.convert(raw, Result))
    except msgspec.ValidationError as error:
        raise UnreadableError(path, str(error)) from error


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


def _names(stem: str, cell_id: str) -> Iterator[str]:
    yield stem
    yield f"{stem}-{cell_id}"
    number = 2
    while True:
        yield f"{stem}-{cell_id}-{number}"
        number += 1


def _json_files(folder: Path) -> Iterator[str]:
    """Walk with `os`, which takes a third of the time of `Path.rglob` for many files."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (
            f"{parent}{os.sep}{name}" for name in files if name.endswith(".json") and not name.startswith(".")
        )
