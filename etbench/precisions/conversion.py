"""What a precision does to a model: before its export, after it, or both."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.export import ExportedProgram

from etbench.errors import EtbenchError

__all__ = ["Conversion", "Shown", "cast_inputs", "convert", "require_float32"]

Inputs = tuple[Tensor, ...]


def export_fixed(module: nn.Module, inputs: Inputs) -> ExportedProgram:
    """Export a module for inputs of exactly these shapes."""
    return torch.export.export(module, inputs, strict=False)


@dataclass(frozen=True)
class Shown:
    """What a precision is given to work with.

    Args:
        batches: inputs that it may use.
        observer: which observer records their ranges.
        export: exports a changed module like the original, with the same dynamic axes.

    """

    batches: Sequence[Inputs]
    observer: str = "histogram"
    export: Callable[[nn.Module, Inputs], ExportedProgram] = export_fixed


@dataclass(frozen=True)
class Conversion:
    """The two places where a precision can change a model; None changes nothing there.

    Args:
        before_export: gets a copy of the eager fp32 module, which it may change, and returns the module to
            export.
        after_export: gets the exported program and the batches shown, and returns another program.
        dtype: of the floating-point inputs of the program; None for those of the model.
        quantizes: it turns weights or activations into integers, and is pointless for a model of which it
            quantizes nothing.

    """

    before_export: Callable[[nn.Module], nn.Module] | None = None
    after_export: Callable[[ExportedProgram, Shown], ExportedProgram] | None = None
    dtype: torch.dtype | None = None
    quantizes: bool = False


def require_float32(weights: Iterable[Tensor]) -> None:
    """Raise an error of stage ``quantize`` if the floating-point weights are all in other dtypes."""
    dtypes = {weight.dtype for weight in weights if weight.is_floating_point()}
    if dtypes and torch.float32 not in dtypes:
        found = ", ".join(sorted(str(dtype).removeprefix("torch.") for dtype in dtypes))
        raise EtbenchError(
            f"the weights are {found}, and only float32 can be quantized",
            stage="quantize",
            hint="return the model and its example inputs in float32 (`module.float()`); precision=fp32 "
            "measures it as it is",
        )


def cast_inputs(conversion: Conversion, inputs: Inputs) -> Inputs:
    """Return the inputs as the converted program takes them: floats in its dtype, the rest as it is."""
    dtype = conversion.dtype
    return tuple(t.to(dtype) if dtype and t.is_floating_point() else t for t in inputs)


def convert(
    conversion: Conversion, module: nn.Module, program: ExportedProgram, shown: Shown
) -> ExportedProgram:
    """Return the program in the precision of the conversion.

    Args:
        conversion: what the precision does.
        module: the eager fp32 module; it stays as it is, for other precisions.
        program: its export in fp32.
        shown: batches in the dtypes of the fp32 module; a changed module is exported with the first one.

    """
    cast = [cast_inputs(conversion, batch) for batch in shown.batches]
    if conversion.before_export is not None:
        changed = conversion.before_export(copy.deepcopy(module))
        with torch.no_grad():
            program = shown.export(changed, cast[0])
    if conversion.after_export is not None:
        program = conversion.after_export(program, dataclasses.replace(shown, batches=cast))
    return program
