"""Reference inputs and eager fp32 outputs, kept beside the program in a file that runs no code when read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from safetensors.torch import load_file, save_file
from torch import Tensor

from etbench.build.artifact import references_path

__all__ = ["read_references", "write_references"]


def write_references(
    folder: Path, inputs: Sequence[Sequence[Tensor]], outputs: Sequence[Sequence[Tensor]]
) -> None:
    """Write the tensors of each reference batch as ``input.{batch}.{number}`` and ``output.…``."""
    tensors = {}
    for kind, batches in (("input", inputs), ("output", outputs)):
        for batch, members in enumerate(batches):
            for number, tensor in enumerate(members):
                tensors[f"{kind}.{batch}.{number}"] = tensor.clone().contiguous()
    save_file(tensors, references_path(folder))


def read_references(folder: Path) -> tuple[list[tuple[Tensor, ...]], list[tuple[Tensor, ...]]]:
    """Return the inputs and the outputs of each reference batch."""
    tensors = load_file(references_path(folder))
    return _batches(tensors, "input"), _batches(tensors, "output")


def _batches(tensors: dict[str, Tensor], kind: str) -> list[tuple[Tensor, ...]]:
    batches: list[tuple[Tensor, ...]] = []
    while f"{kind}.{len(batches)}.0" in tensors:
        prefix = f"{kind}.{len(batches)}."
        count = sum(name.startswith(prefix) for name in tensors)
        batches.append(tuple(tensors[f"{prefix}{number}"] for number in range(count)))
    return batches
