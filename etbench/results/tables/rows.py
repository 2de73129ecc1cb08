"""Read result files one after the other into rows: what tables need of a file, without its samples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from operator import itemgetter
from pathlib import Path
from typing import Any

from etbench.results.files.store import DuplicateError, UnreadableError, find_files, read_result
from etbench.results.files.upgrade import fill_in
from etbench.results.schema import Result, without_emulated_times
from etbench.results.tables.index import Index
from etbench.results.tables.metrics import COLUMNS

__all__ = ["MEASUREMENT", "Row", "row_of", "stream_rows"]

Row = tuple[Any, ...]  # of the values of `COLUMNS`, in their order

READ = tuple(column.read for column in COLUMNS)
# Values that two files share only if one is a copy of the other.
MEASUREMENT = itemgetter(
    *(
        [column.name for column in COLUMNS].index(name)
        for name in ("cell_id", "created_at", "status", "latency_mean_ms", "latency_std_ms", "host")
    )
)


def row_of(result: Result) -> Row:
    """Return the values of all columns."""
    filled = without_emulated_times(fill_in(result))
    return tuple([read(filled) for read in READ])


def stream_rows(
    paths: Iterable[str | Path], *, remember: bool = False
) -> Iterator[tuple[Path, Row | UnreadableError]]:
    """Yield the row of each result in files and folders, or the error if a file is not a result.

    At most one result is in memory at a time. A file with the same measurement as an earlier one is left out
    (`DuplicateError`).

    Args:
        paths: files, or folders that are searched for ``.json`` files.
        remember: keep an index in each folder, and read only files that are new or changed since.

    """
    seen: set[Path] = set()
    measurements: dict[Any, Path] = {}
    for root in map(Path, paths):
        files = find_files([root])
        with Index.of(root, files) if remember and root.is_dir() else nullcontext() as index:
            for path in files:
                if path in seen:
                    continue
                seen.add(path)
                row = _row(path, index)
                if not isinstance(row, UnreadableError):
                    first = measurements.setdefault(MEASUREMENT(row), path)
                    row = row if first is path else DuplicateError(path, first)
                yield path, row


def _row(path: Path, index: Index | None) -> Row | UnreadableError:
    if index is None:
        return _read(path)
    try:
        found = path.stat()  # before it is read: a change meanwhile is noticed next time
    except OSError as error:
        return UnreadableError(path, f"cannot be read: {error.strerror}")
    if (known := index.get(path, found)) is not None:
        return UnreadableError(path, known) if isinstance(known, str) else known
    row = _read(path)
    if not isinstance(row, UnreadableError):
        index.put(path, found, row)
    elif not isinstance(row.__cause__, OSError):  # an `OSError` may not occur next time
        index.put(path, found, row.why)
    return row


def _read(path: Path) -> Row | UnreadableError:
    try:
        return row_of(read_result(path))
    except UnreadableError as error:
        return error
