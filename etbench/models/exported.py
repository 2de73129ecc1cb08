"""A program written by `torch.export`: it is quantized, lowered and measured like any other model."""

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
    """Return the program in a `.pt2` file; in fp32 its dynamic axes stay dynamic.

    Every other precision exports it again, with fixed shapes. fp32 exports it again too if its example
    inputs are not contiguous: a program only fits inputs of the memory layout it was exported with.

    Args:
        path: of a file written by `torch.export.save`.

    Raises:
        EtbenchError: of stage ``load`` if the file is not valid, or its program takes keyword arguments.

    """
    try:
        with Path(path).open("rb") as file:
            exported = torch.export.load(file)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise EtbenchError(
            f"cannot read the exported program {path}: {type(error).__name__}: {first}",
            stage="load",
            hint="write it with torch.export.save of the installed version of torch",
        ) from error
    return LoadedModel(exported.module(), _inputs(exported, path), exported=exported)


def _inputs(exported: ExportedProgram, path: str) -> Inputs:
    """Return photographs if the program takes images, else the example inputs in the file."""
    arguments, keywords = exported.example_inputs or ((), {})
    if keywords or not all(isinstance(value, torch.Tensor) for value in arguments):
        raise EtbenchError(
            f"the exported program {path} takes arguments that are not positional tensors",
            stage="load",
            hint="export a module whose forward takes only positional tensors",
        )
    specs = [InputSpec(shape=list(t.shape), dtype=str(t.dtype).removeprefix("torch.")) for t in arguments]  # type: ignore[arg-type]
    inputs = shaped_inputs(specs)
    return (
        FixedInputs(tuple(arguments), "the example inputs in the file")
        if isinstance(inputs, FixedInputs)
        else inputs
    )
