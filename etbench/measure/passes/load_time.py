"""The load pass: how long a fresh process needs until its first result."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from etbench.artifact import program_path
from etbench.artifact.arrays import as_array
from etbench.measure.pass_results import OneLoad
from etbench.measure.passes.page_cache import cached_share, drop_from_cache, fill_cache
from etbench.runtime.executors import Executor
from etbench.runtime.program import load_method, load_program, read_batches

__all__ = ["load_and_run", "run_once", "time_load"]

T = TypeVar("T")


def time_load(folder: Path, threads: int, *, cold: bool, executor: str | None = None) -> OneLoad:
    """Time the load of program and method, and the first inference, once in this process.

    Args:
        folder: the artifact's folder.
        threads: the size of the runtime's thread pool.
        cold: drop the program from the page cache first, instead of making sure that it is there.
        executor: the class of a program of another runtime; None for ExecuTorch.

    Raises:
        EtbenchError: of stage ``load`` if the page cache keeps the file, ``load_program`` if the runtime
            refuses it.

    """
    return load_and_run(folder, threads, read_batches(folder, executor)[0][0], cold, executor)[2]


def load_and_run(
    folder: Path, threads: int, inputs: Sequence[Any], cold: bool = False, executor: str | None = None
) -> tuple[Executor, list[NDArray[Any]], OneLoad]:
    """Load the program and run it once; return the method, its outputs and the times; see `time_load`."""
    path = program_path(folder)
    (drop_from_cache if cold else fill_cache)(path)
    share = cached_share(path)
    program, program_ms = _timed(lambda: load_program(folder, threads, executor))
    method, method_ms = _timed(lambda: load_method(program))
    outputs, first_ms = _timed(lambda: method.call(inputs, clone_outputs=False))
    copied = _copied(outputs)
    times = OneLoad(
        program_ms=program_ms, method_ms=method_ms, first_inference_ms=first_ms, cached_share=share
    )
    return method, copied, times


def run_once(method: Executor, inputs: Sequence[Any]) -> list[NDArray[Any]]:
    """Run a loaded program and return copies of its outputs."""
    return _copied(method.call(inputs, clone_outputs=False))


def _copied(outputs: Sequence[Any]) -> list[NDArray[Any]]:
    """Copy the outputs that are tensors or arrays.

    Most runtimes overwrite their outputs, and LiteRT does not run again while they are referenced. NumPy
    copies them in this thread; torch would start threads for a large one, which would count as the program's.
    """
    return [np.array(as_array(leaf)) for leaf in outputs if hasattr(leaf, "shape")]


def _timed(work: Callable[[], T]) -> tuple[T, float]:
    """Return the result of the work and its duration in ms."""
    start = time.perf_counter_ns()
    given = work()
    return given, (time.perf_counter_ns() - start) / 1e6
