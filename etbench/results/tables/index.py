"""A cache of the rows of the result files of a folder, so that only new and changed files are read."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import hmac
import logging
import os
import secrets
import sqlite3
import stat
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from etbench.results.tables.metrics import COLUMNS
from etbench.system.files import own_folder, replacing
from etbench.system.reading import RefusedError, read_file
from etbench.text import path_text

__all__ = ["HIDDEN", "Index"]

HIDDEN = ".etbench"
NAME = "index.sqlite"
MOST_INT = 2**63 - 1
BESIDE = ("", "-journal", "-wal", "-shm")  # files of SQLite
SCHEMA = "CREATE TABLE files (path BLOB PRIMARY KEY, size INTEGER, mtime_ns INTEGER, mac BLOB, body BLOB)"
KEY_BYTES = 32
SOURCES = (  # the code that decides the row of a file
    *(
        "results/checks/across",
        "results/checks/check",
        "results/checks/latency",
        "results/checks/parity",
        "results/checks/program",
        "results/checks/runtime",
    ),
    "results/checks/table",
    *("results/schema/emulated", "results/schema/finding", "results/schema/meaning"),
    *("results/schema/names", "results/schema/result"),
    *("text", "results/files/cleaning", "results/files/store", "results/files/upgrade"),
    *("results/tables/delegation", "results/tables/index", "results/tables/metrics"),
    "results/tables/varied",
    *("artifact/description", "measure/pass_results"),
    *("artifact/quantized_words", "host/environment", "host/fingerprint"),
    *("results/tables/rows", "results/tables/sizes"),
    *("stats/blocks", "stats/bounds", "stats/interval", "stats/lost", "stats/parity", "stats/stability"),
    *("stats/summary", "stats/tails", "system/reading", "system/strict_json"),
)

# A row, or the reason why the file has none.
_types: Any = tuple(column.type for column in COLUMNS)
_decoder: msgspec.msgpack.Decoder[Any] = msgspec.msgpack.Decoder(tuple.__class_getitem__(_types) | str)
_encoder = msgspec.msgpack.Encoder()
_log = logging.getLogger(__name__)


class Index:
    """An SQLite file in the hidden folder, keyed by path, size and time of change (mtime, in ns).

    It is a cache, and data from outside: each row has a checksum with a key of this user, so that one of a
    received folder is not believed, and an index that is damaged or written by another version of etbench is
    replaced. If it cannot be written (a read-only folder, another aggregation in progress), all files are
    read instead. So they are if the folder or a file in it is a link: SQLite would write to where it leads.
    """

    def __init__(self, folder: Path) -> None:
        self._file = folder / HIDDEN / NAME
        self._prefix = len(os.fsencode(folder / "x")) - 1
        self._secret = _secret()
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
        stored = self._ask("SELECT size, mtime_ns, mac, body FROM files WHERE path = ?", self._key(path))
        if not stored or stored[0][:2] != _stamp(found):
            return None
        mac, body = stored[0][2:]
        try:
            return _decoder.decode(body) if mac == self._mac(path, found, body) else None
        except (msgspec.DecodeError, TypeError):
            return None

    def put(self, path: Path, found: os.stat_result, body: tuple[Any, ...] | str) -> None:
        """Store the row of a file with this size and time, or why it has none."""
        encoded = _encoder.encode(body)
        self._ask(
            "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?)",
            self._key(path),
            *_stamp(found),
            self._mac(path, found, encoded),
            encoded,
        )

    def _mac(self, path: Path, found: os.stat_result, body: bytes) -> bytes:
        """Return the checksum of a row, which only this user can compute."""
        key = self._key(path)
        message = b"%d %d %d " % (len(key), *_stamp(found)) + key + body
        return hmac.digest(self._secret, message, "sha256")

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
            try:
                own_folder(self._file.parent)
                self._check_files()
            except RefusedError as error:
                _log.warning("%s: not used: %s", path_text(str(error.filename)), error.strerror)
                return None
            try:
                return self._connect()
            except sqlite3.DatabaseError as error:
                if isinstance(error, sqlite3.OperationalError):
                    raise
                self._remove()
                return self._connect()
        return None

    def _check_files(self) -> None:
        """Check that SQLite finds no link, FIFO or second name of another file where it will write."""
        for ending in BESIDE:
            path = self._file.with_name(NAME + ending)
            with contextlib.suppress(FileNotFoundError):
                found = path.lstat()
                if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:
                    raise RefusedError(errno.EINVAL, "it is not a regular file with one name", str(path))

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


def _secret() -> bytes:
    """Return the key of this user's rows; if it cannot be kept, one for this process only."""
    from etbench.builder.cache import cache_folder  # few commands have an index

    path = cache_folder(None) / "report" / "index.key"
    with contextlib.suppress(OSError):
        if len(key := read_file(path, KEY_BYTES)) == KEY_BYTES:
            return key
    key = secrets.token_bytes(KEY_BYTES)
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as file:
            Path(file.name).chmod(0o600)
            file.write(key)
    return key


def _stamp(found: os.stat_result) -> tuple[int, int]:
    """Return size and time of change in 63 bits each: SQLite's integers end in the year 2262."""
    return found.st_size & MOST_INT, found.st_mtime_ns & MOST_INT


def _version() -> int:
    """Return a number that changes with the code that makes rows, and with the version of Python."""
    code = [(Path(__file__).parents[2] / f"{name}.py").read_bytes() for name in SOURCES]
    digest = hashlib.sha256(b"\n".join([*code, sys.version.encode()])).digest()
    return int.from_bytes(digest[:4]) >> 1 or 1  # `user_version` has 31 bits, and 0 is that of a new file
