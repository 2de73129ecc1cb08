"""Run a program with PyTorch: an exported one operator by operator, or one that TorchInductor compiled."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from etbench.runtime.executors import OtherProgram

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ["PyTorchProgram"]


class PyTorchProgram(OtherProgram):
    """A program that PyTorch runs: an exported one, or one that TorchInductor compiled ahead of time."""

    name = "pytorch"
    package = "torch"
    needs = ("torch", "torchao")
    no_profile = "etbench does not read PyTorch's profiler"

    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None:
        import torch  # not above: the process that asks what it needs does not import it

        torch.set_num_threads(threads)
        self._inference_mode: Any = torch.inference_mode
        self._leaves: Any = torch.utils._pytree.tree_leaves
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
        import torch

        return torch.get_num_threads()

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Any]:
        """Run the program; its outputs are new tensors in any case."""
        with self._inference_mode():
            outputs: list[Any] = self._leaves(self._forward(*inputs))
        return outputs

    def get_outputs(self, clone_outputs: bool = True) -> list[Any]:
        """Return an empty list: its outputs belong to the caller and are not kept."""
        return []


def _is_compiled(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        return any("/aotinductor/" in name for name in package.namelist())
