"""PyTorch as the runtime, for comparison: the exported program, as it is or compiled."""

from __future__ import annotations

import copy
import dataclasses
from pathlib import Path

import torch
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from etbench.delegates.other_runtime import OtherRuntime, ToWrite

__all__ = ["eager", "inductor"]


def eager() -> OtherRuntime:
    """Return a writer of the exported program, which PyTorch then runs operator by operator."""

    def write(given: ToWrite, path: Path) -> None:
        with path.open("wb") as file:
            torch.export.save(_with_flat_outputs(given.program), file)

    return OtherRuntime(write)


def inductor() -> OtherRuntime:
    """Return a writer of a library compiled by TorchInductor ahead of time; it needs a C++ compiler."""

    def write(given: ToWrite, path: Path) -> None:
        package = path.with_suffix(".pt2")  # the compiler requires this suffix
        with torch.no_grad():
            torch._inductor.aoti_compile_and_package(
                _with_flat_outputs(given.program), package_path=str(package)
            )
        package.rename(path)

    return OtherRuntime(write)


def _with_flat_outputs(program: ExportedProgram) -> ExportedProgram:
    """Return the program with its outputs in a tuple.

    Those in a dataclass could only be returned by a process that knows the class.
    """
    root, *others = program.module_call_graph
    assert root.signature is not None  # that of the whole program
    leaves = root.signature.out_spec.num_leaves
    signature = dataclasses.replace(root.signature, out_spec=pytree.tree_structure((0,) * leaves))
    flat = copy.copy(program)
    flat._module_call_graph = [dataclasses.replace(root, signature=signature), *others]
    return flat
