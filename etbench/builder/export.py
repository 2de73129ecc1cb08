"""Export a module, with the dynamic axes of the config, and explain a call that does not fit the module."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
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

__all__ = ["at_other_sizes", "explaining_call", "export", "fits_contiguous"]

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
    lengths = _lengths(inputs, dynamic)
    bound = inspect.signature(module.forward).bind(*inputs).arguments
    shapes: Any = pytree.tree_map(
        lambda tensor: {axis: dimensions[axis] for axis in _open_axes(tensor, lengths)}, dict(bound)
    )
    largest = _resized(inputs, lengths, dynamic.sizes)
    return torch.export.export(module, largest, dynamic_shapes=shapes, strict=False)


def at_other_sizes(inputs: tuple[Tensor, ...], dynamic: Dynamic) -> list[tuple[Tensor, ...]]:
    """Return an example with dynamic axes of size 1 and of the largest size, if these are not its own.

    Values are repeated along an axis that is longer than in the example.
    """
    lengths = _lengths(inputs, dynamic)
    found = [_resized(inputs, lengths, sizes) for sizes in (dict.fromkeys(lengths, 1), dynamic.sizes)]
    return [other for other in found if any(a.shape != b.shape for a, b in zip(other, inputs, strict=True))]


def fits_contiguous(program: ExportedProgram) -> bool:
    """Return whether a program was exported with contiguous inputs, and so fits those that it is fed with."""
    given = (program.example_inputs or ((), {}))[0]
    return all(in_index_order(value) for value in given if isinstance(value, Tensor))


def _lengths(inputs: tuple[Tensor, ...], dynamic: Dynamic) -> dict[int, int]:
    """Return the size of the example along each dynamic axis."""
    return {axis: _length(inputs, axis, size) for axis, size in dynamic.sizes.items()}


def _open_axes(tensor: Tensor, lengths: Mapping[int, int]) -> list[int]:
    return [axis for axis, length in lengths.items() if axis < tensor.ndim and tensor.shape[axis] == length]


def _resized(
    inputs: tuple[Tensor, ...], lengths: Mapping[int, int], sizes: Mapping[int, int]
) -> tuple[Tensor, ...]:
    """Return inputs whose dynamic axes have these sizes."""

    def resized(tensor: Tensor) -> Tensor:
        for axis in _open_axes(tensor, lengths):
            tensor = tensor.index_select(axis, torch.arange(sizes[axis]) % tensor.shape[axis])
        return tensor

    return tuple(resized(tensor) for tensor in inputs)


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
