"""Programs that run without ExecuTorch, for comparison: by PyTorch itself, and by its compiler."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.export import ExportedProgram

__all__ = ["PyTorchProgram", "eager", "inductor"]


@dataclass(frozen=True)
class PyTorchProgram:
    """A delegate that writes the exported program in a format of PyTorch instead of lowering it."""

    write: Callable[[ExportedProgram, Path], None]


def eager() -> PyTorchProgram:
    """Return a writer of the exported program, which PyTorch then runs operator by operator."""

    def write(program: ExportedProgram, path: Path) -> None:
        with path.open("wb") as file:
            torch.export.save(program, file)

    return PyTorchProgram(write)


def inductor() -> PyTorchProgram:
    """Return a writer of a library compiled by TorchInductor ahead of time; it needs a C++ compiler."""

    def write(program: ExportedProgram, path: Path) -> None:
        package = path.with_suffix(".pt2")  # the compiler requires this suffix
        with torch.no_grad():
            torch._inductor.aoti_compile_and_package(program, package_path=str(package))
        package.rename(path)

    return PyTorchProgram(write)
