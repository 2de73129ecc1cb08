"""A program that `torch.export` wrote: it is quantized, lowered and measured like any other model."""

from __future__ import annotations

from pathlib import Path

import torch
from torch.export import ExportedProgram

from etbench.config.sections import InputSpec
from etbench.errors import EtbenchError
from etbench.models.inputs import FixedInputs, Inputs, shaped_inputs
from etbench.models.loading import LoadedModel

__all__ = ["program"]


def program(*, path: str) -> LoadedModel:
    """Return the program in a `.pt2` file; in fp32 its open axes stay open.

    Every other precision exports it again, with fixed shapes. So does fp32 if its example inputs are not
    contiguous, since a program only fits inputs of the memory layout it was exported with.

    Args:
        path: what `torch.export.save` wrote.

    Raises:
        EtbenchError: of stage ``load`` if the file is none, or takes keyword arguments.

    """
    try:
        with Path(path).open("rb") as file:
            exported = torch.export.load(file)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise EtbenchError(
            f"cannot read the exported program {path}: {type(error).__name__}: {first}",
            stage="load",
            hint="write it with torch.export.save, by the same version of torch",
        ) from error
    return LoadedModel(exported.module(), _inputs(exported, path), exported=exported)


def _inputs(exported: ExportedProgram, path: str) -> Inputs:
    """Return photographs if it takes such, else the example inputs that are in the file."""
    arguments, keywords = exported.example_inputs or ((), {})
    if keywords or not all(isinstance(value, torch.Tensor) for value in arguments):
        raise EtbenchError(
            f"the exported program {path} takes other arguments than tensors by position",
            stage="load",
            hint="export a module whose forward takes tensors alone",
        )
    specs = [InputSpec(shape=list(t.shape), dtype=str(t.dtype).removeprefix("torch.")) for t in arguments]  # type: ignore[arg-type]
    inputs = shaped_inputs(specs)
    return (
        FixedInputs(tuple(arguments), "the example inputs in the file")
        if isinstance(inputs, FixedInputs)
        else inputs
    )
