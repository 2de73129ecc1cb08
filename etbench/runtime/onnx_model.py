"""Run an ONNX model with ONNX Runtime's CPU provider."""

from __future__ import annotations

import json
import tempfile
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from etbench.artifact import TensorSpec
from etbench.errors import EtbenchError
from etbench.runtime.executors import ArrayProgram, OperatorTime

__all__ = ["OnnxModel"]

# Otherwise its threads spin for some ms after each inference and take the CPU from whatever is timed next.
SETTINGS = {"session.intra_op.allow_spinning": "0", "session.inter_op.allow_spinning": "0"}
DTYPES = {"float": "float32", "double": "float64"}  # those that NumPy names otherwise


class OnnxModel(ArrayProgram):
    """A session of ONNX Runtime.

    Inputs are read where they are, and outputs stay where the runtime has put them, as in an application that
    binds them.
    """

    name = package = "onnxruntime"
    needs = ("onnxruntime",)

    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.log_severity_level = 3  # errors
        for key, value in SETTINGS.items():
            options.add_session_config_entry(key, value)
        self._scratch = tempfile.TemporaryDirectory(prefix="etbench-") if profiled else None
        if self._scratch:
            options.enable_profiling = True
            options.profile_file_prefix = str(Path(self._scratch.name) / "profile")
        try:
            self._session: Any = onnxruntime.InferenceSession(
                str(path), options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # its exceptions have no common class
            raise EtbenchError(f"ONNX Runtime refuses the program: {error}", stage="load_program") from error
        self._threads = threads
        self._value: Any = onnxruntime.OrtValue
        self.inputs = list(map(_spec, self._session.get_inputs()))
        self.outputs = list(map(_spec, self._session.get_outputs()))
        self._names = [one.name for one in self._session.get_inputs()]
        self._bound: Any = self._session.io_binding()
        for output in self._session.get_outputs():
            self._bound.bind_output(output.name)

    @classmethod
    def preload(cls) -> None:
        """Import ONNX Runtime."""
        import onnxruntime  # noqa: F401

    @property
    def threads(self) -> int:
        """The size of the session's pool."""
        return self._threads

    def _run(self, inputs: Sequence[NDArray[Any]]) -> None:
        for name, array in zip(self._names, inputs, strict=True):
            self._bound.bind_ortvalue_input(name, self._value.ortvalue_from_numpy(array))
        self._session.run_with_iobinding(self._bound)

    def _found(self) -> list[NDArray[Any]]:
        return [value.numpy() for value in self._bound.get_outputs()]

    def operator_times(self) -> list[OperatorTime]:
        """Return the times of the kernels after optimization, so with those that it fused."""
        assert self._scratch is not None  # it was loaded for this
        with self._scratch:
            events = json.loads(Path(self._session.end_profiling()).read_text())
        taken: dict[tuple[str, str], list[float]] = defaultdict(list)
        for event in events:
            name = event["name"].removesuffix("_kernel_time")
            if event.get("cat") == "Node" and name != event["name"]:
                taken[name, event["args"]["op_name"]].append(event["dur"] / 1e3)
        return [
            OperatorTime(f"{kind} {name}", sum(ms[1:]) / max(1, len(ms) - 1))
            for (name, kind), ms in taken.items()
        ]


def _spec(argument: Any) -> TensorSpec:
    """Return shape and dtype of an argument; a size with a name is open."""
    dtype = argument.type.removeprefix("tensor(").removesuffix(")")
    shape = [size if isinstance(size, int) else 0 for size in argument.shape]
    return TensorSpec(shape=shape, dtype=DTYPES.get(dtype, dtype))
