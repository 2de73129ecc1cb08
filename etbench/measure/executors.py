"""Who runs a program: told from the file itself, so that nothing else has to say."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import torch
from executorch.extension.pybindings import _C
from torch import Tensor

from etbench.errors import EtbenchError

__all__ = ["Executor", "load_executor", "preload", "threads_of"]

METHOD = "forward"
_EXPLAINED_CODES = {
    "0x14": "an operator has no kernel in this runtime",
    "0x20": "the program needs a backend that this runtime does not have",
    "0x23": "the file is no ExecuTorch program, or was written by another version",
}


class Executor(Protocol):
    """A loaded program, with the method that ExecuTorch's own binding has."""

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> Any:
        """Run one inference and return its outputs in a flat sequence."""


def load_executor(path: Path, threads: int) -> Executor:
    """Load a program: a `.pte`, or an exported or compiled program of PyTorch.

    Raises:
        EtbenchError: of stage ``load_program``.

    """
    if not zipfile.is_zipfile(path):
        return _load_executorch(path, threads)
    torch.set_num_threads(threads)
    return _Inductor(path) if _is_compiled(path) else _Eager(path)


def preload(path: Path) -> None:
    """Import what this program needs, before the processes that time it are forked."""
    if zipfile.is_zipfile(path):
        import torch.export

        if _is_compiled(path):
            import torch._inductor
            import torch._inductor.package  # noqa: F401


def threads_of(executor: Executor) -> int:
    """Return how many threads the program is run with."""
    if isinstance(executor, (_Eager, _Inductor)):
        return torch.get_num_threads()
    return int(_C._threadpool_get_thread_count())


def _load_executorch(path: Path, threads: int) -> Executor:
    _C._unsafe_reset_threadpool(threads)  # has an effect only before a program is loaded
    try:
        # The raw bindings: `executorch.runtime` takes seconds to import and copies every output.
        method: Executor = _C._load_program(str(path)).load_method(METHOD)
    except RuntimeError as error:
        known = next((text for code, text in _EXPLAINED_CODES.items() if code in str(error)), "")
        raise EtbenchError(
            f"the runtime refuses the program: {error}",
            stage="load_program",
            hint=known or "the log has what the runtime printed",
        ) from error
    return method


class _Eager:
    """An exported program, run by PyTorch operator by operator."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            self._module = torch.export.load(file).module()

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Any]:
        """Run the program; its outputs are new tensors in any case."""
        with torch.inference_mode():
            return torch.utils._pytree.tree_leaves(self._module(*inputs))


class _Inductor:
    """A program that TorchInductor compiled ahead of time."""

    def __init__(self, path: Path) -> None:
        self._run = torch._inductor.aoti_load_package(str(path))

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Any]:
        """Run the program; its outputs are new tensors in any case."""
        with torch.inference_mode():
            return torch.utils._pytree.tree_leaves(self._run(*inputs))


def _is_compiled(path: Path) -> bool:
    with zipfile.ZipFile(path) as package:
        return any("/aotinductor/" in name for name in package.namelist())
