"""The reference inputs and outputs as NumPy arrays, and the notes beside them; imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors import deserialize, safe_open

from etbench.artifact import references_path
from etbench.config import Generation
from etbench.system.reading import open_regular

__all__ = [
    "GENERATION",
    "ONLY_TIMED",
    "as_array",
    "check_regular",
    "first_compared",
    "in_batches",
    "read_arrays",
    "read_generation",
    "read_notes",
]

Array = NDArray[Any]
T = TypeVar("T")
GENERATION, ONLY_TIMED = "generation", "only_timed"
_DTYPES: dict[str, Any] = {
    **{"F64": np.float64, "F32": np.float32, "F16": np.float16, "BOOL": np.bool_},
    **{f"{kind}{bits}": np.dtype(f"{kind.lower()}{bits // 8}") for kind in "IU" for bits in (8, 16, 32, 64)},
}


def read_arrays(folder: Path) -> tuple[list[tuple[Array, ...]], list[tuple[Array, ...]]]:
    """Return inputs and outputs of each reference batch, in the order of their indices in memory."""
    with open_regular(references_path(folder)) as file:
        found: list[tuple[str, dict[str, Any]]] = deserialize(file.read())  # type: ignore[no-untyped-call]
    arrays = {name: _array(stored) for name, stored in found}
    return in_batches(arrays, "input"), in_batches(arrays, "output")


def _array(stored: Mapping[str, Any]) -> Array:
    """Return a stored tensor as an array; NumPy has no bfloat16, which is the upper half of float32."""
    if stored["dtype"] == "BF16":
        halves = np.frombuffer(stored["data"], np.uint16).astype(np.uint32)
        return (halves << 16).view(np.float32).reshape(stored["shape"])
    values: Array = np.frombuffer(stored["data"], _DTYPES[stored["dtype"]])
    return values.reshape(stored["shape"]).copy()  # which may be written to, as OpenVINO requires


def read_generation(folder: Path) -> Generation | None:
    """Return how many tokens are read and generated, if the references are for a language model."""
    notes = read_notes(folder)
    return msgspec.json.decode(notes[GENERATION], type=Generation) if GENERATION in notes else None


def first_compared(folder: Path) -> int:
    """Return the number of the first reference that parity is taken on; those before it are only timed."""
    return int(read_notes(folder).get(ONLY_TIMED, 0))


def read_notes(folder: Path) -> dict[str, str]:
    """Return what else is kept with the references, by name."""
    path = references_path(folder)
    check_regular(path)
    with safe_open(path, framework="numpy") as file:
        return file.metadata() or {}


def check_regular(path: Path) -> None:
    """Raise an `OSError` for a FIFO or a device, which safetensors, given a path, would wait for."""
    open_regular(path).close()


def in_batches(tensors: Mapping[str, T], kind: str) -> list[tuple[T, ...]]:
    """Return the tensors ``{kind}.{batch}.{number}`` as batches."""
    batches: list[tuple[T, ...]] = []
    while f"{kind}.{len(batches)}.0" in tensors:
        prefix = f"{kind}.{len(batches)}."
        count = sum(name.startswith(prefix) for name in tensors)
        batches.append(tuple(tensors[f"{prefix}{number}"] for number in range(count)))
    return batches


def as_array(value: Any) -> Array:
    """Return the values of an array or a tensor; short floats become fp32, since NumPy has no bfloat16."""
    if isinstance(value, np.ndarray):
        return value.astype(np.float32) if value.dtype == np.float16 else value
    short = value.is_floating_point() and value.dtype.itemsize < 4
    found: Array = (value.float() if short else value).numpy()
    return found
