"""Which backends a `.pte` asks for, read from its first bytes; nothing is run, torch is not needed."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from flatbuffers import encode, number_types
from flatbuffers.table import Table

from etbench.system.reading import open_regular

__all__ = ["backends_of"]

MAGIC = b"ET"
EXTENDED = b"eh00"  # the header with the offset of the segments
MOST_BYTES = 256 * 2**20
MOST_TABLES = 10_000  # a program has one plan, and a delegate per subgraph
# Positions of fields in executorch's program.fbs; they never change, or older programs could not be read.
_EXECUTION_PLAN, _DELEGATES, _ID = 1, 7, 0


def backends_of(path: Path) -> list[str] | None:
    """Return the names of the backends, each once, or None if the file is not a readable program."""
    try:
        with open_regular(path) as file:
            body = file.read(64)
            if body[4:6] != MAGIC:
                return None
            size = struct.unpack_from("<Q", body, 16)[0] if body[8:12] == EXTENDED else MOST_BYTES
            body += file.read(max(0, min(size, MOST_BYTES) - len(body)))
        root = Table(body, encode.Get(number_types.UOffsetTFlags.packer_type, body, 0))
        plans = _tables(root, _EXECUTION_PLAN)
        names = [_text(delegate, _ID) for plan in plans for delegate in _tables(plan, _DELEGATES)]
    except (OSError, struct.error, TypeError, ValueError, IndexError):  # what a damaged file leads to
        return None
    return list(dict.fromkeys(names))


def _field(table: Table, number: int) -> int:
    return int(table.Offset(4 + 2 * number))


def _tables(table: Table, number: int) -> Iterator[Table]:
    """Yield the tables of a field that is a vector of them."""
    offset = _field(table, number)
    if offset:
        start, count = table.Vector(offset), table.VectorLen(offset)
        if count > MOST_TABLES or count * 4 > len(table.Bytes):
            raise ValueError(f"a vector of {count} tables in {len(table.Bytes)} bytes")
        for n in range(count):
            yield Table(table.Bytes, table.Indirect(start + 4 * n))


def _text(table: Table, number: int) -> str:
    offset = _field(table, number)
    return table.String(table.Pos + offset).decode() if offset else ""
