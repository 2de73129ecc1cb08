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

from etbench.artifact.references import specs_of
from etbench.config.sections import Dynamic
from etbench.errors import EtbenchError
from etbench.models.inputs import in_index_order

__all__ = ["explaining_call", "export", "fits_contiguous"]

NAMES = {0: "batch", 1: "seq_len"}


def export(module: nn.Module, inputs: tuple[Tensor, ...], dynamic: Dynamic) -> ExportedProgram:
    """Export a module for inputs of these shapes, or of any size up to a bound along dynamic axes.

    Args:
        module: in evaluation mode.
        inputs: an example; along a dynamic axis it is repeated up to the bound, since torch treats a size of
            1 as a constant. The values do not affect the export.
        dynamic: the dynamic axes and their largest sizes.

    """
    if not dynamic.sizes:
        return torch.export.export(module, inputs, strict=False)
    dimensions = {axis: Dim(NAMES[axis], min=1, max=size) for axis, size in dynamic.sizes.items()}
    lengths = {axis: _length(inputs, axis, size) for axis, size in dynamic.sizes.items()}

    def open_axes(tensor: Tensor) -> list[int]:
        return [
            axis for axis, length in lengths.items() if axis < tensor.ndim and tensor.shape[axis] == length
        ]

    def repeated(tensor: Tensor) -> Tensor:
        for axis in open_axes(tensor):
            index = torch.arange(dynamic.sizes[axis]) % tensor.shape[axis]
            tensor = tensor.index_select(axis, index)
        return tensor

    bound = inspect.signature(module.forward).bind(*inputs).arguments
    shapes: Any = pytree.tree_map(
        lambda tensor: {axis: dimensions[axis] for axis in open_axes(tensor)}, dict(bound)
    )
    return torch.export.export(
        module, tuple(repeated(tensor) for tensor in inputs), dynamic_shapes=shapes, strict=False
    )


def fits_contiguous(program: ExportedProgram) -> bool:
    """Return whether a program was exported with contiguous inputs, and so fits those that it is fed with."""
    given = (program.example_inputs or ((), {}))[0]
    return all(in_index_order(value) for value in given if isinstance(value, Tensor))


def _length(inputs: tuple[Tensor, ...], axis: int, largest: int) -> int:
    """Return the size of the example along an axis, from the first input that has this axis."""
    length = next((tensor.shape[axis] for tensor in inputs if tensor.ndim > axis), None)
    if length is None or length > largest:
        found = "no input has this axis" if length is None else f"the inputs have {length}, which is larger"
        raise EtbenchError(f"model.dynamic.{NAMES[axis]}={largest}: {found}", stage="export")
    return length


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
