"""Run an ONNX model with ONNX Runtime's CPU provider."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from etbench.errors import EtbenchError
from etbench.runtime.executors import OtherProgram

__all__ = ["OnnxModel"]

# Otherwise its threads spin for some ms after each inference and take the CPU from whatever is timed next.
SETTINGS = {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}


class OnnxModel(OtherProgram):
    """A session of ONNX Runtime.

    Inputs are read where they are, and outputs stay where the runtime has put them, as in an application that
    binds them.

    Args:
        path: of the model.
        threads: of the pool that computes one operator.

    """

    def __init__(self, path: Path, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors
        for key, value in SETTINGS.items():
            options.add_session_config_entry(key, value)
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common class
            raise EtbenchError(f"ONNX Runtime refuses the program: {error}", stage="load_program") from error
        self._threads = threads
        self._value: Any = onnxruntime.OrtValue
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._bound: Any = self._session.io_binding()
        for output in self._session.get_outputs():
            self._bound.bind_output(output.name)

    @property
    def threads(self) -> int:
        """The size of the session's pool."""
        return self._threads

    def call(self, inputs: Sequence[Tensor], clone_outputs: bool = True) -> list[Tensor]:
        """Run one inference and return its outputs."""
        for name, tensor in zip(self._inputs, inputs, strict=True):
            self._bound.bind_ortvalue_input(name, self._value.ortvalue_from_numpy(tensor.numpy()))
        self._session.run_with_iobinding(self._bound)
        return self.get_outputs(clone_outputs)

    def get_outputs(self, clone_outputs: bool = True) -> list[Tensor]:
        """Return the outputs of the last inference again."""
        found = [torch.from_numpy(value.numpy()) for value in self._bound.get_outputs()]
        return [tensor.clone() for tensor in found] if clone_outputs else found
