"""The format of the native runner's tasks: flat fields, so that it needs no JSON parser.

A field is ``key=value`` and ends with a NUL byte. An empty field ends the task; without it the task is
truncated. `task.h` reads it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct

from etbench.artifact.layout import StoredTensor

__all__ = ["encode_task"]


CHANNELS_LAST = "0 2 3 1"


def encode_task(task: Struct, inputs: Iterable[StoredTensor]) -> bytes:
    """Return a task as the native runner reads it.

    Args:
        task: its fields are strings, numbers, booleans and structs of them; None is left out.
        inputs: the artifact's reference inputs; each is a field ``{name}={dtype} {offset} {bytes} {size} …``,
            and one whose channels lie last in memory has a field ``{name}.order`` with the order of its axes.

    Raises:
        ValueError: if a value contains a NUL byte.

    """
    fields = dict(_flat(msgspec.to_builtins(task)))
    for tensor in inputs:
        layout = (tensor.dtype, tensor.offset_bytes, tensor.size_bytes, *tensor.shape)
        fields[tensor.name] = " ".join(map(str, layout))
        if tensor.channels_last:
            fields[f"{tensor.name}.order"] = CHANNELS_LAST
    if broken := next((key for key, value in fields.items() if "\0" in key + value), None):
        raise ValueError(f"the task's {broken!r} contains a NUL byte: {fields[broken]!r}")
    return b"".join(os.fsencode(f"{key}={value}\0") for key, value in fields.items()) + b"\0"


def _flat(values: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Yield the fields of nested structs, with dotted keys: ``runtime.weight_cache=true``."""
    for name, value in values.items():
        key = f"{prefix}{name}"
        match value:
            case None:
                continue
            case dict():
                yield from _flat(value, f"{key}.")
            case bool():
                yield key, str(value).lower()
            case _:
                yield key, str(value)
