"""The axes along which a program accepts any size: where its inputs have them, and inputs of other sizes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product

import torch
from torch import Tensor

from etbench.config.sections import Dynamic
from etbench.errors import EtbenchError
from etbench.models.inputs import in_index_order

__all__ = ["NAMES", "OpenAxes", "OtherSize", "open_axes"]

NAMES = {0: "batch", 1: "seq_len"}
MOST_TRIALS = 64
Inputs = tuple[Tensor, ...]


@dataclass(frozen=True)
class OtherSize:
    """Inputs of another size than the example; `timed` is whether the user asked for its time."""

    inputs: Inputs
    timed: bool


@dataclass(frozen=True)
class OpenAxes:
    """The open axes of a program; a kind of axis is 0 for the batch and 1 for the sequence.

    Args:
        dynamic: the largest size of each kind, and the sizes to measure.
        lengths: the size of the example, by kind.
        of_inputs: for each input, the kind of each of its open axes.

    """

    dynamic: Dynamic
    lengths: Mapping[int, int]
    of_inputs: Sequence[Mapping[int, int]]

    def resized(self, inputs: Inputs, sizes: Mapping[int, int]) -> Inputs:
        """Return inputs with these sizes, by kind; values are repeated along an axis that gets longer."""
        return tuple(
            _resized(tensor, {axis: sizes[kind] for axis, kind in axes.items()})
            for tensor, axes in zip(inputs, self.of_inputs, strict=True)
        )

    def other_sizes(self, inputs: Inputs) -> list[OtherSize]:
        """Return inputs of size 1, of the sizes to measure and of the largest, without the example's own."""
        measured = self.dynamic.measured
        wanted = [dict.fromkeys(self.lengths, 1), *measured, self.dynamic.sizes]
        others = [sizes for number, sizes in enumerate(wanted) if sizes not in wanted[:number]]
        return [
            OtherSize(self.resized(inputs, sizes), timed=sizes in measured)
            for sizes in others
            if sizes != self.lengths
        ]


def open_axes(inputs: Inputs, dynamic: Dynamic, runs: Callable[[Inputs], bool] = lambda _: True) -> OpenAxes:
    """Find the axes of an example whose sizes change.

    The batch is the first axis of the inputs and the sequence the second, where they are as long as in the
    first input that has the axis. But the first axis of another input may have that length by chance, as the
    one layer of an LSTM's state for a batch of one. So inputs of another size are tried: if the model does
    not take them, other axes of that length are, and the first choice that the model takes is used.

    Args:
        inputs: the example.
        dynamic: the dynamic axes and their largest sizes.
        runs: whether the model takes inputs.

    Raises:
        EtbenchError: of stage ``export`` if no input has such an axis, or a longer one, or for a size to
            measure that is larger.

    """
    if dynamic.fault:
        raise EtbenchError(dynamic.fault, stage="export")
    lengths = {axis: _length(inputs, axis, size) for axis, size in dynamic.sizes.items()}
    trial = {
        kind: length + 1 if length < dynamic.sizes[kind] else length - 1 for kind, length in lengths.items()
    }
    choices = [
        OpenAxes(dynamic, lengths, chosen) for chosen in islice(_choices(inputs, lengths), MOST_TRIALS)
    ]
    usual = choices[0]
    if len(choices) == 1:
        return usual
    return next((axes for axes in choices if runs(axes.resized(inputs, trial))), usual)


def _choices(inputs: Inputs, lengths: Mapping[int, int]) -> Iterator[list[dict[int, int]]]:
    """Yield what may be the open axes of all inputs, the usual choice first."""
    first = {kind: next(n for n, tensor in enumerate(inputs) if tensor.ndim > kind) for kind in lengths}
    places = [(number, kind) for number in range(len(inputs)) for kind in lengths]
    options = [
        [kind] if number == first[kind] else _candidates(inputs[number], kind, length)
        for number, kind in places
        for length in [lengths[kind]]
    ]
    for axes in product(*options):
        taken = [(number, axis) for (number, _), axis in zip(places, axes, strict=True) if axis is not None]
        if len(set(taken)) < len(taken):
            continue  # an axis cannot be both
        chosen: list[dict[int, int]] = [{} for _ in inputs]
        for (number, kind), axis in zip(places, axes, strict=True):
            if axis is not None:
                chosen[number][axis] = kind
        yield chosen


def _candidates(tensor: Tensor, kind: int, length: int) -> list[int | None]:
    """Return the axes that may be of a kind, the usual one first; None is for no axis at all."""
    alike = [axis for axis, size in enumerate(tensor.shape) if size == length]
    usual = kind if kind in alike else None
    return list(dict.fromkeys([usual, *alike, None]))


def _resized(tensor: Tensor, sizes: Mapping[int, int]) -> Tensor:
    """Repeat values of a tensor, and keep its memory format."""
    resized = tensor
    for axis, size in sizes.items():
        resized = resized.index_select(axis, torch.arange(size) % tensor.shape[axis])
    return resized if in_index_order(tensor) else resized.to(memory_format=torch.channels_last)


def _length(inputs: Inputs, axis: int, largest: int) -> int:
    """Return the size of the example along an axis, from the first input that has this axis."""
    length = next((tensor.shape[axis] for tensor in inputs if tensor.ndim > axis), None)
    if length is None or length > largest:
        found = "no input has this axis" if length is None else f"the inputs have {length}, which is larger"
        raise EtbenchError(f"model.dynamic.{NAMES[axis]}={largest}: {found}", stage="export")
    return length
