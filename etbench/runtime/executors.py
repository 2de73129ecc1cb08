"""What runs a program: the interface of the runtimes; imports none of them, and no torch."""

from __future__ import annotations

import importlib
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from etbench.artifact import TensorSpec
from etbench.environments import version_in
from etbench.errors import EtbenchError
from etbench.host.environment import RuntimeUsed

__all__ = ["ArrayProgram", "Executor", "OperatorTime", "OtherProgram", "executor_class"]

Array = NDArray[Any]


class OperatorTime(NamedTuple):
    """The mean time of one operator of a program, in ms."""

    name: str
    mean_ms: float


class Executor(Protocol):
    """A loaded program, with the methods that ExecuTorch's own binding has."""

    def call(self, inputs: Sequence[Any], clone_outputs: bool = True) -> Any:
        """Run one inference and return its outputs in a flat sequence."""

    def get_outputs(self, clone_outputs: bool = True) -> Any:
        """Return the outputs of the last inference again."""


class OtherProgram(ABC):
    """A loaded program of another runtime than ExecuTorch, which is an `Executor` by itself.

    A delegate names the class of its programs as `executor` in its YAML. `package` is the distribution whose
    version is that of the runtime, and `name` that of the runtime.

    Args:
        path: of the program's file.
        threads: how many threads may compute one operator.
        profiled: whether `operator_times` will be asked for.

    """

    name: ClassVar[str]
    package: ClassVar[str]
    needs: ClassVar[tuple[str, ...]] = ()  # what the measuring process imports to run it
    takes_arrays: ClassVar[bool] = False
    no_profile: ClassVar[str] = ""  # why it cannot time its operators

    @abstractmethod
    def __init__(self, path: Path, threads: int, *, profiled: bool = False) -> None: ...

    @classmethod
    def used(cls) -> RuntimeUsed:
        """Return the runtime and its version."""
        return RuntimeUsed(cls.name, version_in(None, cls.package))

    @classmethod
    def preload(cls) -> None:
        """Import what every program needs, before the processes that time it are forked."""
        return

    @property
    @abstractmethod
    def threads(self) -> int:
        """How many threads compute one operator."""

    @abstractmethod
    def call(self, inputs: Sequence[Any], clone_outputs: bool = True) -> list[Any]:
        """Run one inference and return its outputs in a flat sequence."""

    @abstractmethod
    def get_outputs(self, clone_outputs: bool = True) -> list[Any]:
        """Return the outputs of the last inference again."""

    def operator_times(self) -> list[OperatorTime]:
        """Return the mean time of each operator over the inferences after the first."""
        raise NotImplementedError


class ArrayProgram(OtherProgram):
    """A program that takes and returns NumPy arrays, so that no torch is needed to run it.

    `inputs` and `outputs` are the specs of its arguments in order; a size that the program leaves open is 0.
    """

    takes_arrays = True
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]

    @abstractmethod
    def _run(self, inputs: Sequence[Array]) -> None:
        """Run one inference."""

    @abstractmethod
    def _found(self) -> Sequence[Array]:
        """Return the outputs of the last inference where the runtime has put them."""

    def call(self, inputs: Sequence[Array], clone_outputs: bool = True) -> list[Array]:
        """Run one inference and return its outputs."""
        self._run(inputs)
        return self.get_outputs(clone_outputs)

    def get_outputs(self, clone_outputs: bool = True) -> list[Array]:
        """Return the outputs of the last inference again."""
        return [np.array(value) if clone_outputs else value for value in self._found()]


def executor_class(target: str) -> type[OtherProgram]:
    """Return the class that a delegate names as its `executor`.

    Raises:
        EtbenchError: of stage ``load_program`` if there is no such class, or it is something else.

    """
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise EtbenchError(f"delegate.executor={target}: {error}", stage="load_program") from error
    if not (isinstance(found, type) and issubclass(found, OtherProgram)):
        raise EtbenchError(
            f"delegate.executor={target} is not a subclass of etbench.runtime.executors.OtherProgram",
            stage="load_program",
        )
    return found
