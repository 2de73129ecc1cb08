"""A program that was built elsewhere."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["ReadyProgram", "program"]


@dataclass(frozen=True)
class ReadyProgram:
    """A `.pte` file, and the file with its inputs and outputs, if there is one."""

    path: Path
    reference: Path | None


def program(*, path: str, reference: str | None = None) -> ReadyProgram:
    """Return a ready program, without reading the file.

    Args:
        path: of the `.pte`.
        reference: a `.safetensors` or `.npz` file with tensors ``input.{batch}.{number}`` and, if known, the
            expected ``output.{batch}.{number}``.

    """
    return ReadyProgram(Path(path), Path(reference) if reference else None)
