"""Load a program and its method with the runtime's raw bindings; errors are explained."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from pathlib import Path
from typing import Any

from etbench.artifact import program_path, runtime_of
from etbench.errors import EtbenchError
from etbench.runtime.binding import binding
from etbench.runtime.error_codes import explain
from etbench.runtime.executors import Executor, OtherProgram, load_pytorch
from etbench.runtime.onnx_model import OnnxModel

__all__ = ["load", "load_method", "load_program"]

METHOD = "forward"


def load(folder: Path, threads: int) -> Executor:
    """Return the method of an artifact, ready to be called.

    Args:
        folder: the artifact's folder.
        threads: the size of the runtime's thread pool; only the first program of a process sets it.

    Raises:
        EtbenchError: of stage ``load_program``, with what the runtime's error code means.

    """
    return load_method(load_program(folder, threads))


def load_program(folder: Path, threads: int, *, profiled: bool = False) -> Any:
    """Return the program of an artifact, whose method is not loaded yet; see `load`."""
    path = program_path(folder)
    runtime = runtime_of(path)
    if runtime != "executorch":
        return OnnxModel(path, threads) if runtime == "onnxruntime" else load_pytorch(path, threads)
    _point_to_openvino()
    binding._unsafe_reset_threadpool(threads)  # has an effect only before a program is loaded
    try:
        # The raw bindings: `executorch.runtime` takes seconds to import and copies every output.
        return binding._load_program(str(path), enable_etdump=profiled)
    except RuntimeError as error:
        raise _refusal(error) from error


def load_method(program: Any) -> Executor:
    """Return the method of a program with its delegates set up; programs of other runtimes are methods."""
    if isinstance(program, OtherProgram):
        return program
    try:
        method: Executor = program.load_method(METHOD)
    except RuntimeError as error:
        raise _refusal(error) from error
    return method


@cache
def _point_to_openvino() -> None:
    """Set the path of OpenVINO's library, as executorch's `portable_lib` (1.5.1) does and `_C` does not."""
    found = importlib.util.find_spec("openvino")
    if found and found.submodule_search_locations and "OPENVINO_LIB_PATH" not in os.environ:
        libraries = sorted(Path(found.submodule_search_locations[0]).glob("libs/libopenvino_c.so*"))
        if libraries:
            os.environ["OPENVINO_LIB_PATH"] = str(libraries[0])


def _refusal(error: RuntimeError) -> EtbenchError:
    return EtbenchError(
        f"the runtime refuses the program: {error}",
        stage="load_program",
        hint=explain(str(error)) or "see the end of the log for what the runtime printed",
    )
