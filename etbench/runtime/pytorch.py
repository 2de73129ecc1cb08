"""Run a program with PyTorch: an exported one operator by operator, or one that TorchInductor compiled."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from etbench.runtime.executors import OtherProgram

__all__ = ["PyTorchProgram"]


class PyTorchProgram(OtherProgram):
    """A program that PyTorch runs."""

    name = "pytorch"
    package = "torch"
    no_profile = "etbench does not read PyTorch's profiler"

    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None:
        torch.set_num_threads(threads)
        if _is_compiled(path):
            self._forward: Any = torch._inductor.aoti_load_package(str(path))
        else:
            with path.open("rb") as file:
                self._forward = torch.export.load(file).module()

    @classmethod
    def preload(cls) -> None:
        """Import what reads programs, and register the operators of quantized ones."""
        import torchao.quantization  # noqa: F401  those of its own formats

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


def _is_compiled(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        return any("/aotinductor/" in name for name in package.namelist())
