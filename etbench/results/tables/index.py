"""A cache of the rows of the result files of a folder, so that only new and changed files are read."""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from etbench.results.tables.metrics import COLUMNS

__all__ = ["HIDDEN", "Index"]

HIDDEN = ".etbench"
NAME = "index.sqlite"
SCHEMA = "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, crc INTEGER, body BLOB)"
SOURCES = (  # the code that decides the row of a file
    *(
        "results/checks/across",
        "results/checks/check",
        "results/checks/latency",
        "results/checks/parity",
        "results/checks/program",
    ),
    "results/checks/table",
    *("results/schema/finding", "results/schema/names", "results/schema/result"),
    *("results/files/store", "results/files/upgrade"),
    *("results/tables/delegation", "results/tables/index", "results/tables/metrics"),
    "measure/pass_results",
    *("artifact/quantized_words", "host/fingerprint", "results/tables/rows", "results/tables/sizes"),
    *("stats/blocks", "stats/interval", "stats/lost", "stats/parity", "stats/stability", "stats/summary"),
    "stats/tails",
)

# A row, or the reason why the file has none.
_types: Any = tuple(column.type for column in COLUMNS)
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(tuple.__class_getitem__(_types) | str)
_encoder = msgspec.msgpack.Encoder()


class Index:
    """An SQLite file in the hidden folder, keyed by path, size and time of change (mtime, in ns).

    It is a cache, and data from outside: each row has a checksum and is checked against the columns' types
    as it is read, and an index that is damaged or written by another version of etbench is replaced. If it
    cannot be written (a read-only folder, another aggregation in progress), all files are read instead.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / HIDDEN / NAME
        self._prefix = len(os.fsencode(folder / "x")) - 1
        self._connection = self._open()
        self._ask("BEGIN")  # one transaction for all: otherwise each query takes its own lock

    @classmethod
    @contextlib.contextmanager
    def of(cls, folder: Path, files: Sequence[Path]) -> Iterator[Index]:
        """Yield the index of a folder that has these result files; new rows are committed at the end."""
        index = cls(folder)
        try:
            yield index
            index._forget_all_but(files)
        finally:
            index._ask("COMMIT")
            index._give_up()

    def get(self, path: Path, found: os.stat_result) -> Any:
        """Return the row of an unchanged file, or why it has none; None if the file must be read."""
        stored = self._ask("SELECT size, mtime_ns, crc, body FROM files WHERE path = ?", self._key(path))
        if not stored or stored[0][:2] != (found.st_size, found.st_mtime_ns):
            return None
        crc, body = stored[0][2:]
        try:
            return _decoder.decode(body) if zlib.crc32(body) == crc else None
        except (msgspec.DecodeError, TypeError):
            return None

    def put(self, path: Path, found: os.stat_result, body: tuple[Any, ...] | str) -> None:
        """Store the row of a file with this size and time, or why it has none."""
        encoded = _encoder.encode(body)
        self._ask(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
            self._key(path),
            found.st_size,
            found.st_mtime_ns,
            zlib.crc32(encoded),
            encoded,
        )

    def _key(self, path: Path) -> bytes:
        return os.fsencode(path)[self._prefix :]

    def _ask(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """Run a statement; after the first failure the index is not used any more."""
        if self._connection is None:
            return []
        try:
            return self._connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError:  # read-only, locked, no space
            self._give_up()
        except sqlite3.DatabaseError:  # damaged
            self._give_up()
            self._remove()
        return []

    def _open(self) -> sqlite3.Connection | None:
        with contextlib.suppress(OSError, sqlite3.OperationalError):
            self._file.parent.mkdir(exist_ok=True)
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._remove()
                return self._connect()
        return None

    def _connect(self) -> sqlite3.Connection:
        """Open the file.

        Raises:
            sqlite3.OperationalError: if it is not available now.
            sqlite3.DatabaseError: if this version of etbench did not write it.

        """
        connection = sqlite3.connect(self._file, timeout=0, isolation_level=None)
        try:
            connection.execute("PRAGMA trusted_schema = OFF")
            ((version,),) = connection.execute("PRAGMA user_version").fetchall()
            tables = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_master WHERE sql NOTNULL")]
            if not tables and not version:
                connection.execute("BEGIN IMMEDIATE")
                connection.execute(SCHEMA)
                connection.execute(f"PRAGMA user_version = {_version()}")
                connection.execute("COMMIT")
            elif tables != [SCHEMA] or version != _version():
                raise sqlite3.DatabaseError("written by another version of etbench")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _forget_all_but(self, files: Sequence[Path]) -> None:
        """Drop the rows of files that are gone."""
        if self._ask("SELECT count(*) FROM files") in ([], [(len(files),)]):
            return
        there = {self._key(path) for path in files}
        gone = [path for (path,) in self._ask("SELECT path FROM files") if path not in there]
        for path in gone:
            self._ask("DELETE FROM files WHERE path = ?", path)

    def _give_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None

    def _remove(self) -> None:
        with contextlib.suppress(OSError):
            self._file.unlink(missing_ok=True)


def _version() -> int:
    """Return a number that changes with the code that makes rows, and with the version of Python."""
    code = [(Path(__file__).parents[2] / f"{name}.py").read_bytes() for name in SOURCES]
    digest = hashlib.sha256(b"\n".join([*code, sys.version.encode()])).digest()
    return int.from_bytes(digest[:4]) >> 1 or 1  # `user_version` has 31 bits, and 0 is that of a new file
