"""A program that was built elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ReadyProgram", "program"]


@dataclass(frozen=True)
class ReadyProgram:
    """A `.pte` as it is, and the file of inputs and outputs that came with it, if one did."""

    path: Path
    reference: Path | None


def program(*, path: str, reference: str | None = None) -> ReadyProgram:
    """Return a ready program. None of it is read here: that is for a process of its own.

    Args:
        path: of the `.pte`.
        reference: a `.safetensors` or `.npz` file with tensors ``input.{batch}.{number}`` and, if there is
            something to compare with, ``output.{batch}.{number}``.

    """
    return ReadyProgram(Path(path), Path(reference) if reference else None)
