"""A program written by `torch.export`: it is quantized, lowered and measured like any other model."""

from __future__ import annotations

import torch
from torch.export import ExportedProgram

from etbench.config.sections import InputSpec
from etbench.errors import EtbenchError
from etbench.models.inputs import FixedInputs, ImageInputs, Inputs, shaped_inputs
from etbench.models.loading import LoadedModel
from etbench.system.reading import open_regular

__all__ = ["program"]


def program(*, path: str) -> LoadedModel:
    """Return the program in a `.pt2` file; in fp32 its dynamic axes stay dynamic.

    Every other precision exports it again, with fixed shapes. fp32 exports it again too if its example
    inputs do not have the layout of `model.memory_format` in memory (a program only fits inputs of the layout
    it was exported with) or are not only positional tensors.

    Args:
        path: of a file written by `torch.export.save`.

    Raises:
        EtbenchError: of stage ``load`` if the file is not valid.

    """
    try:
        with open_regular(path) as file:
            exported = torch.export.load(file)
    except Exception as error:
        first = (str(error).splitlines() or [""])[0]
        raise EtbenchError(
            f"cannot read the exported program {path}: {type(error).__name__}: {first}",
            stage="load",
            hint="write it with torch.export.save of the installed version of torch",
        ) from error
    return LoadedModel(exported.module(), _inputs(exported), weights=path, exported=exported)


def _inputs(exported: ExportedProgram) -> Inputs:
    """Return photographs if the program takes images, else the example inputs in the file."""
    arguments, keywords = exported.example_inputs or ((), {})
    match arguments:
        case (torch.Tensor(shape=shape, dtype=torch.float32),) if not keywords:
            inputs = shaped_inputs([InputSpec(shape=list(shape))])
            if isinstance(inputs, ImageInputs):
                return inputs
    return FixedInputs(tuple(arguments), "the example inputs in the file", keywords=keywords)
