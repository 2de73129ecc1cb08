"""Run a `.tflite` model with LiteRT's interpreter."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from etbench.artifact import TensorSpec
from etbench.errors import EtbenchError
from etbench.runtime.executors import ArrayProgram

__all__ = ["LitertModel"]

Array = NDArray[Any]


class LitertModel(ArrayProgram):
    """An interpreter of LiteRT with its XNNPACK delegate.

    Inputs are copied into the interpreter's own tensors, as its Python API requires. Outputs that are not
    copied must be dropped before the next inference, or that fails. Integers of 64 bits become those of 32
    that LiteRT has instead, and floats become integers for a model that takes integers with a scale: an
    application has to convert them, too, so the conversion is a part of the call.
    """

    name = "litert"
    package = "ai-edge-litert"
    needs = ("ai_edge_litert",)
    no_profile = "LiteRT's Python API has no profiler"

    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None:
        from ai_edge_litert.interpreter import Interpreter

        try:
            self._interpreter: Any = Interpreter(str(path), num_threads=threads)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise EtbenchError(f"LiteRT refuses the program: {error}", stage="load_program") from error
        self._threads = threads
        self._inputs, self._outputs = _arguments(self._interpreter)
        self.inputs = list(map(_spec, self._inputs))
        self.outputs = list(map(_spec, self._outputs))

    @classmethod
    def preload(cls) -> None:
        """Import LiteRT's interpreter."""
        import ai_edge_litert.interpreter  # noqa: F401

    @property
    def threads(self) -> int:
        """The number of threads that was asked for; the interpreter does not report it."""
        return self._threads

    def _run(self, inputs: Sequence[Array]) -> None:
        for argument, array in zip(self._inputs, inputs, strict=True):
            self._interpreter.set_tensor(argument["index"], _to_integers(array, argument))
        self._interpreter.invoke()

    def _found(self) -> list[Array]:
        tensors = [self._interpreter.tensor(argument["index"])() for argument in self._outputs]
        return list(map(_to_floats, tensors, self._outputs))


def _to_integers(array: Array, argument: dict[str, Any]) -> Array:
    """Return the values as an argument of the model takes them."""
    scale, zero = argument["quantization"]
    if scale and array.dtype.kind == "f":
        limits = np.iinfo(argument["dtype"])
        array = np.clip(np.rint(array * np.float32(1 / scale)) + np.float32(zero), limits.min, limits.max)
    return array.astype(argument["dtype"], copy=False)


def _to_floats(array: Array, argument: dict[str, Any]) -> Array:
    """Return the values that integers with a scale represent, or other values as they are."""
    scale, zero = argument["quantization"]
    return (array - np.float32(zero)) * np.float32(scale) if scale else array


def _arguments(interpreter: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the inputs and outputs in the order of the numbers in their names, such as ``args_10``.

    LiteRT sorts them otherwise. A model whose names have no numbers keeps its order.
    """
    inputs, outputs = interpreter.get_input_details(), interpreter.get_output_details()
    if len(names := list(interpreter.get_signature_list())) != 1:
        return inputs, outputs
    signature = interpreter.get_signature_runner(names[0])
    return (
        _in_order(signature.get_input_details()) or inputs,
        _in_order(signature.get_output_details()) or outputs,
    )


def _in_order(details: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    numbers = {name: name.rpartition("_")[2] for name in details}
    if not all(number.isdigit() for number in numbers.values()):
        return []
    return [details[name] for name in sorted(details, key=lambda name: int(numbers[name]))]


def _spec(argument: dict[str, Any]) -> TensorSpec:
    """Return shape and dtype of an argument; 0 is a size that is open."""
    shape = argument.get("shape_signature", argument["shape"])
    dtype = "float32" if argument["quantization"][0] else np.dtype(argument["dtype"]).name
    return TensorSpec(shape=[max(0, int(size)) for size in shape], dtype=dtype)
