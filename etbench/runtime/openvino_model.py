"""Run a model of OpenVINO's own format with OpenVINO's CPU plugin."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from etbench.artifact import TensorSpec
from etbench.artifact.openvino_file import map_model
from etbench.errors import EtbenchError
from etbench.runtime.executors import ArrayProgram, OperatorTime

__all__ = ["OpenvinoModel"]

BITS = (8, 16, 32, 64)
DTYPES = {"f32": "float32", "f16": "float16", "f64": "float64", "boolean": "bool"}
DTYPES |= {
    f"{short}{bits}": f"{name}{bits}" for short, name in (("i", "int"), ("u", "uint")) for bits in BITS
}


class OpenvinoModel(ArrayProgram):
    """A compiled model and a request, whose inputs are read where they are.

    It computes in fp32 what is not quantized; by default OpenVINO takes bf16 where the CPU has it, and loses
    accuracy. Threads are not pinned to CPUs, as those of the other runtimes are not.
    """

    name = package = "openvino"
    needs = ("openvino",)

    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None:
        import openvino

        settings = {
            "INFERENCE_NUM_THREADS": threads,
            "PERFORMANCE_HINT": "LATENCY",
            "ENABLE_CPU_PINNING": False,
            "INFERENCE_PRECISION_HINT": "f32",
            "PERF_COUNT": profiled,
        }
        core = openvino.Core()
        self._source = _source(path, openvino)  # the model points into the weights, and does not own them
        try:
            model: Any = core.read_model(*self._source)
            self._compiled: Any = core.compile_model(model, "CPU", settings)
        except RuntimeError as error:
            raise EtbenchError(f"OpenVINO refuses the program: {error}", stage="load_program") from error
        self._tensor: Any = openvino.Tensor
        self._request: Any = self._compiled.create_infer_request()
        self.inputs = list(map(_spec, self._compiled.inputs))
        self.outputs = list(map(_spec, self._compiled.outputs))
        self._profiled = profiled
        self._taken: Counter[str] = Counter()  # in ms
        self._inferences = -1  # the first does not count

    @classmethod
    def preload(cls) -> None:
        """Import OpenVINO."""
        import openvino  # noqa: F401

    @property
    def threads(self) -> int:
        """The number of threads that the compiled model reports."""
        return int(self._compiled.get_property("INFERENCE_NUM_THREADS"))

    def _run(self, inputs: Sequence[NDArray[Any]]) -> None:
        for number, array in enumerate(inputs):
            self._request.set_input_tensor(number, self._tensor(array, shared_memory=True))
        self._request.infer()
        if self._profiled:
            self._inferences += 1
            if self._inferences:
                self._add_times()

    def _add_times(self) -> None:
        for one in self._request.profiling_info:
            if str(one.status).endswith(".EXECUTED"):
                kernel = f"{one.node_type} {one.node_name} ({one.exec_type})"
                self._taken[kernel] += one.real_time.total_seconds() * 1e3

    def _found(self) -> list[NDArray[Any]]:
        return [self._request.get_output_tensor(number).data for number in range(len(self.outputs))]

    def operator_times(self) -> list[OperatorTime]:
        """Return the times that OpenVINO counted per node of the compiled graph."""
        return [OperatorTime(name, ms / self._inferences) for name, ms in self._taken.items()]


def _source(path: Path, openvino: Any) -> tuple[Any, ...]:
    """Return what `read_model` takes: text and weights of OpenVINO's format, or the path of another one."""
    found = map_model(path)
    if found is None:
        return (str(path),)
    return found.xml, openvino.Tensor(found.weights, shared_memory=True)


def _spec(port: Any) -> TensorSpec:
    """Return shape and dtype of an input or output; 0 is a size that is open."""
    shape = [int(size.get_length()) if size.is_static else 0 for size in port.get_partial_shape()]
    dtype = port.get_element_type().get_type_name()
    return TensorSpec(shape=shape, dtype=DTYPES.get(dtype, dtype))
