"""Load a program and its method with ExecuTorch's raw binding; errors are explained."""

from __future__ import annotations

import importlib.util
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from etbench.errors import EtbenchError
from etbench.host.environment import RuntimeUsed
from etbench.runtime.binding import binding
from etbench.runtime.error_codes import explain
from etbench.runtime.executors import Executor

__all__ = ["backends", "load_method", "load_program", "threads", "used"]

METHOD = "forward"


def load_program(path: Path, threads: int, *, profiled: bool = False) -> Any:
    """Return the program in a file, whose method is not loaded yet.

    Args:
        path: of the file.
        threads: the size of the runtime's thread pool; only the first program of a process sets it.
        profiled: whether the runtime's profiler is on.

    Raises:
        EtbenchError: of stage ``load_program``, with what the runtime's error code means.

    """
    _point_to_openvino()
    binding._unsafe_reset_threadpool(threads)  # has an effect only before a program is loaded
    try:
        return binding._load_program(str(path), enable_etdump=profiled)
    except RuntimeError as error:
        raise _refusal(error) from error


def load_method(program: Any) -> Executor:
    """Return the method of a program with its delegates set up."""
    try:
        method: Executor = program.load_method(METHOD)
    except RuntimeError as error:
        raise _refusal(error) from error
    return method


def threads() -> int:
    """Return the size of the thread pool."""
    return int(binding._threadpool_get_thread_count())


def backends() -> list[str]:
    """Return the delegates that this runtime can execute."""
    return sorted(binding._get_registered_backend_names())


def used() -> RuntimeUsed:
    """Return the runtime and its version."""
    return RuntimeUsed("executorch", version("executorch"))


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
