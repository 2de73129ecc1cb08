"""Load a program with the runtime that it is for: ExecuTorch, or the executor that its delegate names."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from etbench.artifact import program_path
from etbench.artifact.arrays import read_arrays
from etbench.host.environment import RuntimeUsed
from etbench.runtime.executors import Executor, OtherProgram, executor_class

__all__ = [
    "backends",
    "binding_file",
    "load",
    "load_method",
    "load_program",
    "preload",
    "read_batches",
    "runtime_used",
    "threads_of",
]


def load(folder: Path, threads: int, executor: str | None = None) -> Executor:
    """Return the method of an artifact, ready to be called.

    Args:
        folder: the artifact's folder.
        threads: the size of the runtime's thread pool; only the first program of a process sets it.
        executor: the class of a program of another runtime; None for ExecuTorch.

    Raises:
        EtbenchError: of stage ``load_program``, with what the runtime reports.

    """
    return load_method(load_program(folder, threads, executor))


def load_program(folder: Path, threads: int, executor: str | None = None, *, profiled: bool = False) -> Any:
    """Return the program of an artifact, whose method is not loaded yet; see `load`."""
    path = program_path(folder)
    if executor is not None:
        return executor_class(executor)(path, threads, profiled=profiled)
    from etbench.runtime import pte_program

    return pte_program.load_program(path, threads, profiled=profiled)


def load_method(program: Any) -> Executor:
    """Return the method of a program with its delegates set up; programs of other runtimes are methods."""
    if isinstance(program, OtherProgram):
        return program
    from etbench.runtime import pte_program

    return pte_program.load_method(program)


def preload(executor: str | None) -> None:
    """Import what a program needs, before the processes that time it are forked."""
    if executor is None:
        import executorch.kernels.quantized  # noqa: F401  registers the kernels of int8 on portable

        import etbench.runtime.pte_program
    else:
        executor_class(executor).preload()
    if executor is None or not executor_class(executor).takes_arrays:
        import etbench.artifact.references  # noqa: F401  reads the inputs as tensors


def read_batches(folder: Path, executor: str | None) -> tuple[list[tuple[Any, ...]], list[tuple[Any, ...]]]:
    """Return the reference inputs and outputs, as tensors or as the arrays that the executor takes."""
    if executor is not None and executor_class(executor).takes_arrays:
        return read_arrays(folder)
    from etbench.artifact.references import read_references

    return read_references(folder)


def threads_of(method: Executor) -> int:
    """Return how many threads the program is run with."""
    if isinstance(method, OtherProgram):
        return method.threads
    from etbench.runtime import pte_program

    return pte_program.threads()


def runtime_used(executor: str | None) -> RuntimeUsed:
    """Return the runtime of a program, and its version."""
    if executor is not None:
        return executor_class(executor).used()
    from etbench.runtime import pte_program

    return pte_program.used()


def backends(executor: str | None) -> list[str]:
    """Return the delegates that ExecuTorch's runtime can execute; none of another runtime."""
    if executor is not None:
        return []
    from etbench.runtime import pte_program

    return pte_program.backends()


def binding_file(executor: str | None) -> str | None:
    """Return the file of the binding of ExecuTorch's runtime; None for another runtime."""
    if executor is not None:
        return None
    from etbench.runtime.binding import binding

    return str(binding.__file__)
