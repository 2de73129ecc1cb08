"""Reference inputs and eager fp32 outputs, kept beside the program in a file that runs no code when read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec
import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from etbench.artifact import TensorSpec, references_path
from etbench.artifact.arrays import GENERATION, ONLY_TIMED, check_regular, in_batches, read_notes
from etbench.artifact.layout import MEMORY_FORMAT_NOTE
from etbench.config import Generation
from etbench.config.sections import MemoryFormat
from etbench.errors import EtbenchError
from etbench.system.reading import open_regular

__all__ = [
    "in_format",
    "read_given",
    "read_outputs",
    "read_references",
    "specs_of",
    "write_references",
]

Batches = list[tuple[Tensor, ...]]
SHOWN = 8


def write_references(
    folder: Path,
    inputs: Sequence[Sequence[Tensor]],
    outputs: Sequence[Sequence[Tensor]],
    generation: Generation | None = None,
    *,
    only_timed: int = 0,
    memory_format: MemoryFormat = "contiguous",
    notes: Mapping[str, str] | None = None,
) -> None:
    """Write the tensors of each reference batch as ``input.{batch}.{number}`` and ``output.…``.

    For a language model, the inputs are a prompt, and the outputs are the logits of all generated tokens. The
    first `only_timed` batches are run, but not compared, since the program was calibrated on them. The file
    has all elements in the order of their indices; inputs are read in the memory format. `notes` are kept
    with them.
    """
    tensors = {}
    for kind, batches in (("input", inputs), ("output", outputs)):
        for batch, members in enumerate(batches):
            for number, tensor in enumerate(members):
                tensors[f"{kind}.{batch}.{number}"] = tensor.clone().contiguous()
    notes = dict(notes or {})
    if only_timed:
        notes[ONLY_TIMED] = str(only_timed)
    if memory_format != "contiguous":
        notes[MEMORY_FORMAT_NOTE] = memory_format
    if generation:
        notes[GENERATION] = msgspec.json.encode(generation).decode()
    # Not `save_file`: only their owner can read its files, and a cache may be shared.
    references_path(folder).write_bytes(save(tensors, metadata=notes or None))


def read_references(folder: Path) -> tuple[Batches, Batches]:
    """Return inputs and outputs of each reference batch; no outputs if there are none to compare."""
    tensors = _loaded(references_path(folder))
    memory_format = msgspec.convert(read_notes(folder).get(MEMORY_FORMAT_NOTE, "contiguous"), MemoryFormat)
    inputs = [in_format(batch, memory_format) for batch in in_batches(tensors, "input")]
    return inputs, in_batches(tensors, "output")


def in_format(batch: Sequence[Tensor], memory_format: MemoryFormat) -> tuple[Tensor, ...]:
    """Return contiguous tensors in a memory format, which floating-point ones with four axes can have."""
    if memory_format == "contiguous":
        return tuple(batch)
    return tuple(map(_with_channels_last, batch))


def _with_channels_last(tensor: Tensor) -> Tensor:
    if tensor.ndim != 4 or not tensor.is_floating_point():
        return tensor
    other = tensor.to(memory_format=torch.channels_last)
    # With one channel or one pixel, only the strides differ, and the runtime takes the tensor for contiguous.
    return tensor if other.is_contiguous() else other


def read_outputs(file: Path) -> Batches:
    """Return the outputs of each reference batch, from a file with tensors of these names."""
    return in_batches(_loaded(file), "output")


def _loaded(path: Path) -> dict[str, Tensor]:
    check_regular(path)
    tensors: dict[str, Tensor] = load_file(path)
    return tensors


def read_given(path: Path) -> tuple[Batches, Batches]:
    """Return the inputs and outputs in a `.safetensors` or `.npz` file of the user.

    Raises:
        EtbenchError: of stage ``load`` if it cannot be read, or its tensors have other names.

    """
    tensors = _read(path)
    inputs, outputs = in_batches(tensors, "input"), in_batches(tensors, "output")
    taken = sum(map(len, inputs)) + sum(map(len, outputs))
    if taken < len(tensors) or not inputs or len(outputs) not in (0, len(inputs)):
        found = ", ".join(sorted(tensors)[:SHOWN]) or "nothing"
        raise EtbenchError(
            f"model.reference={path}: found {len(inputs)} batches of inputs and {len(outputs)} of outputs in "
            f"the tensors: {found}",
            stage="load",
            hint="name the tensors input.0.0, input.0.1 … output.0.0 …: batch, then position",
        )
    return inputs, outputs


def specs_of(tensors: Sequence[Tensor]) -> list[TensorSpec]:
    """Return shape and dtype of each tensor."""
    return [TensorSpec(shape=list(t.shape), dtype=str(t.dtype).removeprefix("torch.")) for t in tensors]


def _read(path: Path) -> Mapping[str, Tensor]:
    try:
        if path.suffix != ".npz":
            return _loaded(path)
        with open_regular(path) as opened, np.load(opened, allow_pickle=False) as arrays:
            return {name: torch.from_numpy(arrays[name]) for name in arrays.files}
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise EtbenchError(
            f"model.reference={path}: cannot be read: {type(error).__name__}: {first}",
            stage="load",
            hint="give a .safetensors or .npz file",
        ) from error
