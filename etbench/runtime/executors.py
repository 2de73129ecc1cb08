"""What runs a program: the binding of ExecuTorch, PyTorch for PyTorch programs, ONNX Runtime for ONNX."""

from __future__ import annotations

import zipfile
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from etbench.artifact import runtime_of
from etbench.runtime.binding import binding

__all__ = ["Executor", "OtherProgram", "load_pytorch", "preload", "threads_of"]


class Executor(Protocol):
    """A loaded program, with the method that ExecuTorch's own binding has."""

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> Any:
        """Run one inference and return its outputs in a flat sequence."""

    def get_outputs(self, clone_outputs: bool = True) -> Any:
        """Return the outputs of the last inference again."""


class OtherProgram(ABC):
    """A loaded program of another runtime than ExecuTorch, which is an `Executor` by itself."""

    @property
    @abstractmethod
    def threads(self) -> int:
        """How many threads compute one operator."""

    @abstractmethod
    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Any]:
        """Run one inference and return its outputs in a flat sequence."""

    @abstractmethod
    def get_outputs(self, clone_outputs: bool = True) -> list[Any]:
        """Return the outputs of the last inference again."""


class _PyTorchProgram(OtherProgram):
    """A program that PyTorch runs."""

    @property
    def threads(self) -> int:
        """Those of PyTorch in this process."""
        return torch.get_num_threads()

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Any]:
        """Run the program; its outputs are new tensors in any case."""
        with torch.inference_mode():
            return torch.utils._pytree.tree_leaves(self._forward(*inputs))

    def get_outputs(self, clone_outputs: bool = True) -> list[Any]:
        """Return an empty list: its outputs belong to the caller and are not kept."""
        return []

    def _forward(self, *inputs: Tensor) -> Any:
        raise NotImplementedError


def load_pytorch(path: Path, threads: int) -> OtherProgram:
    """Load a program that PyTorch runs, and set the number of threads of this process."""
    torch.set_num_threads(threads)
    return _Inductor(path) if _is_compiled(path) else _Eager(path)


def preload(path: Path) -> None:
    """Import what this program needs, before the processes that time it are forked."""
    if runtime_of(path) == "onnxruntime":
        import onnxruntime  # noqa: F401
    elif runtime_of(path) == "pytorch":
        import torch.ao.quantization.fx._decomposed  # registers the operators of quantized programs
        import torch.export
        import torchao.quantization  # noqa: F401  and those of its own formats

        if _is_compiled(path):
            import torch._inductor
            import torch._inductor.package  # noqa: F401


def threads_of(executor: Executor) -> int:
    """Return how many threads the program is run with."""
    if isinstance(executor, OtherProgram):
        return executor.threads
    return int(binding._threadpool_get_thread_count())


class _Eager(_PyTorchProgram):
    """An exported program, run by PyTorch operator by operator."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._module = torch.export.load(file).module()

    def _forward(self, *inputs: Tensor) -> Any:
        return self._module(*inputs)


class _Inductor(_PyTorchProgram):
    """A program that TorchInductor compiled ahead of time."""

    def __init__(self, path: Path) -> None:
        self._run = torch._inductor.aoti_load_package(str(path))

    def _forward(self, *inputs: Tensor) -> Any:
        return self._run(*inputs)


def _is_compiled(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        return any("/aotinductor/" in name for name in package.namelist())
