"""Export a module, with the dynamic axes of the config, and explain a call that does not fit the module."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.export import Dim, ExportedProgram
from torch.utils import _pytree as pytree

from etbench.artifact.references import in_format, specs_of
from etbench.builder.open_axes import NAMES, OpenAxes
from etbench.config.sections import MemoryFormat
from etbench.errors import EtbenchError
from etbench.models.inputs import contiguous

__all__ = ["explaining_call", "export", "fits"]


def export(module: nn.Module, inputs: tuple[Tensor, ...], axes: OpenAxes | None = None) -> ExportedProgram:
    """Export a module for inputs of these shapes, or of any size up to a bound along open axes.

    Args:
        module: in evaluation mode.
        inputs: an example; along an open axis it is repeated up to the bound, since torch treats a size of 1
            as a constant. The values do not affect the export.
        axes: the open axes of the inputs.

    """
    if axes is None or not axes.lengths:
        return torch.export.export(module, inputs, strict=False)
    largest = axes.dynamic.sizes
    dimensions = {kind: Dim(NAMES[kind], min=1, max=size) for kind, size in largest.items()}
    of_inputs = iter(axes.of_inputs)  # in the order of the arguments
    bound = inspect.signature(module.forward).bind(*inputs).arguments
    shapes: Any = pytree.tree_map(
        lambda _: {axis: dimensions[kind] for axis, kind in next(of_inputs).items()}, dict(bound)
    )
    return torch.export.export(module, axes.resized(inputs, largest), dynamic_shapes=shapes, strict=False)


def fits(program: ExportedProgram, memory_format: MemoryFormat) -> bool:
    """Return whether a program was exported with inputs of the memory format that it is fed with."""
    given = [value for value in (program.example_inputs or ((), {}))[0] if isinstance(value, Tensor)]
    fed = in_format(contiguous(given), memory_format)
    return all(value.stride() == other.stride() for value, other in zip(given, fed, strict=True))


@contextmanager
def explaining_call(module: nn.Module, inputs: tuple[Tensor, ...]) -> Iterator[None]:
    """Add to an error of the module's call which arguments it takes and which it was given.

    Raises:
        EtbenchError: of stage ``reference``.

    """
    try:
        yield
    except MemoryError:
        raise
    except Exception as error:
        given = ", ".join(f"{spec.dtype} {spec.shape}" for spec in specs_of(inputs))
        raise EtbenchError(
            f"{type(error).__name__}: {error}",
            stage="reference",
            kind=type(error).__name__,
            hint=f"forward takes {inspect.signature(module.forward)} and was given ({given}); "
            "set other inputs with model.inputs=[{shape: [...], dtype: ...}]",
        ) from error
