"""The built program as an evaluation sees it: arrays in, arrays out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from etbench.calibration.items import input_digests, picture_digest
from etbench.config import Generation
from etbench.errors import EtbenchError
from etbench.models.inputs import Normalization
from etbench.runtime.executors import ArrayProgram, Executor

__all__ = ["BuiltProgram", "CalibrationItems"]


@dataclass(frozen=True)
class CalibrationItems:
    """Checksums of the pictures and of the other inputs that a program was calibrated on."""

    pictures: frozenset[str] = frozenset()
    inputs: frozenset[str] = frozenset()


@dataclass(frozen=True)
class BuiltProgram:
    """Runs the program on the runtime, in the same way as for timing.

    Args:
        method: the loaded program.
        example: a batch of inputs that it takes.
        normalization: of the pixels of photographs, if the model is fed with them.
        calibrated_on: checksums of the inputs or pictures that it was calibrated on.
        met: those of them that it was evaluated on.
        generation: how many tokens a language model with a cache reads and generates.

    """

    method: Executor
    example: Sequence[Tensor]
    normalization: Normalization | None = None
    calibrated_on: CalibrationItems = CalibrationItems()
    met: set[str] = field(default_factory=set)
    generation: Generation | None = None

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        """Shape of each input; the first axis of the first is the batch."""
        return [tuple(tensor.shape) for tensor in self.example]

    def __call__(self, *inputs: np.ndarray[Any, Any]) -> tuple[np.ndarray[Any, Any], ...]:
        """Run one inference.

        Args:
            inputs: one array per input; floating-point ones are cast to the dtype of the program.

        Returns:
            The outputs, floating-point ones as float32.

        Raises:
            EtbenchError: of stage ``evaluate`` if the program does not take these inputs.

        """
        if len(inputs) != len(self.example):
            raise self._refused(inputs)
        tensors = [
            tensor.to(wanted.dtype) if tensor.is_floating_point() else tensor
            for tensor, wanted in zip(map(torch.as_tensor, inputs), self.example, strict=True)
        ]
        if self.calibrated_on.inputs:
            self.met.update(self.calibrated_on.inputs.intersection(input_digests(tensors)))
        try:
            laid_out = [_as_in(wanted, tensor) for wanted, tensor in zip(self.example, tensors, strict=True)]
            outputs = _called(self.method, laid_out)
        except RuntimeError as error:
            raise self._refused(inputs) from error
        return tuple(
            (leaf.float() if leaf.is_floating_point() else leaf).numpy()
            for leaf in outputs
            if isinstance(leaf, Tensor)
        )

    def meets(self, pictures: Iterable[Path]) -> None:
        """Note pictures that the program is evaluated on."""
        for path in pictures if self.calibrated_on.pictures else ():
            if path.is_file():
                self.met.update(self.calibrated_on.pictures.intersection([picture_digest(path)]))

    def _refused(self, inputs: Sequence[np.ndarray[Any, Any]]) -> EtbenchError:
        given = [(np.shape(array), str(np.asarray(array).dtype)) for array in inputs]
        wanted = [(tuple(t.shape), str(t.dtype).removeprefix("torch.")) for t in self.example]
        return EtbenchError(f"the program does not accept {given}; it takes {wanted}", stage="evaluate")


def _called(method: Executor, inputs: Sequence[Tensor]) -> list[Any]:
    """Run one inference with tensors, also of a program that takes arrays."""
    if not isinstance(method, ArrayProgram):
        return list(method.call(inputs, clone_outputs=True))
    return [torch.from_numpy(array) for array in method.call([tensor.numpy() for tensor in inputs])]


def _as_in(example: Tensor, tensor: Tensor) -> Tensor:
    """Return a tensor in the memory format of an example."""
    if example.is_contiguous() or tensor.ndim != 4:
        return tensor.contiguous()
    return tensor.contiguous(memory_format=torch.channels_last)
