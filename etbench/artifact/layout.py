"""Where the reference inputs are in their file, for the native runner, which cannot read its header."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.artifact.description import references_path
from etbench.errors import EtbenchError
from etbench.system.reading import open_regular
from etbench.system.strict_json import decode_json

__all__ = ["MEMORY_FORMAT_NOTE", "StoredTensor", "stored_inputs"]

MEMORY_FORMAT_NOTE = "memory_format"  # in the metadata of the file
FLOATS = ("F64", "F32", "F16", "BF16")
LENGTH_BYTES = 8  # a safetensors file begins with the length of its header, little-endian


class StoredTensor(Struct, frozen=True):
    """A tensor in a safetensors file: its name, its dtype as named in the file, and where its bytes are.

    A `channels_last` one must get another order in memory than in the file, in which its channels lie last.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    offset_bytes: int
    size_bytes: int
    channels_last: bool = False


class _Entry(Struct):
    """The header's entry of a tensor; its offsets count from the end of the header."""

    dtype: str
    shape: tuple[int, ...]
    data_offsets: tuple[int, int]


def stored_inputs(folder: Path, *, stage: str) -> list[StoredTensor]:
    """Return the reference inputs of an artifact, ``input.{batch}.{number}``, in no particular order.

    Args:
        folder: of the artifact.
        stage: named in errors.

    Raises:
        EtbenchError: of that stage if the file cannot be read, is cut off, or its header is not valid.

    """
    path = references_path(folder)
    try:
        header = _header(path)
        entries = decode_json(header, dict[str, msgspec.Raw])
        notes = decode_json(bytes(entries.get("__metadata__", b"{}")), dict[str, str])
        inputs = {
            name: decode_json(bytes(entry), _Entry)
            for name, entry in entries.items()
            if name.startswith("input.")
        }
    except (OSError, EOFError, msgspec.MsgspecError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise EtbenchError(
            f"the reference inputs cannot be read: {path}: {reason}", stage=stage, kind=type(error).__name__
        ) from error
    data = LENGTH_BYTES + len(header)
    channels_last = notes.get(MEMORY_FORMAT_NOTE) == "channels_last"
    return [
        StoredTensor(
            name,
            entry.dtype,
            entry.shape,
            data + begin,
            end - begin,
            channels_last and _differs(entry),
        )
        for name, entry in inputs.items()
        for begin, end in [entry.data_offsets]
    ]


def _differs(entry: _Entry) -> bool:
    """Return whether the order with channels last is another one for a tensor, as PyTorch decides it."""
    if entry.dtype not in FLOATS or len(entry.shape) != 4:
        return False
    images, channels, height, width = entry.shape
    return images > 0 and channels > 1 and height * width > 1


def _header(path: Path) -> bytes:
    """Return the header of a safetensors file: a JSON object with one entry per tensor.

    Raises:
        OSError: if the file cannot be read.
        EOFError: if it ends within its header.

    """
    with open_regular(path) as file:
        length = int.from_bytes(file.read(LENGTH_BYTES), "little")
        if LENGTH_BYTES + length > os.fstat(file.fileno()).st_size:
            raise EOFError("it is cut off within its header")
        return file.read(length)
