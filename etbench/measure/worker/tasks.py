"""The tasks of a fresh process, and a function that runs them.

A task is sent as JSON, or to the native runner in the format of `etbench.native.task`, which is flat.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct

from etbench.artifact import DataUse
from etbench.config import XnnpackRuntime

__all__ = [
    "NATIVE_TASKS",
    "CheckTask",
    "EnergyTask",
    "EvaluateTask",
    "LoadTask",
    "MemoryTask",
    "NativeTask",
    "OutputsTask",
    "ParityTask",
    "ProfileTask",
    "RoundTask",
    "Task",
    "TraceTask",
    "perform",
]


class _Task(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="task"):
    """A task for the artifact in a folder; `threads` is the size of the runtime's thread pool.

    `executor` names the class of a program of another runtime than ExecuTorch. `binding` is the file of the
    only binding of ExecuTorch's runtime that may run it; None for any.
    """

    folder: str
    threads: int
    runtime: XnnpackRuntime = XnnpackRuntime()
    executor: str | None = None
    binding: str | None = None


class CheckTask(_Task, frozen=True, kw_only=True, tag="check"):
    """Compare the outputs with the reference: `etbench.measure.passes.rounds.check`."""

    logits_axis: int | None


class OutputsTask(_Task, frozen=True, kw_only=True, tag="outputs"):
    """Write the outputs of the reference batches to a file; only the native runner has this task."""

    file: str


class ParityTask(_Task, frozen=True, kw_only=True, tag="parity"):
    """Compare the outputs in that file with the reference: `etbench.measure.passes.rounds.compare`."""

    file: str
    logits_axis: int | None


class RoundTask(_Task, frozen=True, kw_only=True, tag="round"):
    """Time inferences with one of the reference batches: `etbench.measure.passes.rounds.time_round`."""

    reference: int = 0
    samples: int
    at_least: int
    warmup: int | Literal["stable"]
    inferences_per_sample: int = 0
    time_left_s: float


class LoadTask(_Task, frozen=True, kw_only=True, tag="load"):
    """Time the load: `etbench.measure.passes.load_time.time_load`."""

    cold: bool


class MemoryTask(_Task, frozen=True, kw_only=True, tag="memory"):
    """Measure the memory: `etbench.measure.passes.memory.measure_memory`."""


class EnergyTask(_Task, frozen=True, kw_only=True, tag="energy"):
    """Measure the energy: `etbench.measure.passes.energy.measure_energy`."""

    seconds: float


class EvaluateTask(_Task, frozen=True, kw_only=True, tag="evaluate"):
    """Evaluate the accuracy: `etbench.measure.passes.evaluation.evaluate_program`."""

    target: str
    options: dict[str, Any]
    data_use: DataUse | None = None


class ProfileTask(_Task, frozen=True, kw_only=True, tag="profile"):
    """Time the operators: `etbench.measure.passes.profiling.profile_program`; `quick` in many rounds.

    With a `file`, read what a `TraceTask` has recorded into it instead.
    """

    quick: bool = False
    file: str | None = None


class TraceTask(_Task, frozen=True, kw_only=True, tag="trace"):
    """Record the times of the operators into a file; only the native runner has this task.

    After a warmup of one, it runs `samples` inferences or fewer: `at_least` so many, and others until
    `time_left_s`.
    """

    file: str
    samples: int
    at_least: int
    time_left_s: float


Task = CheckTask | ParityTask | RoundTask | LoadTask | MemoryTask | EnergyTask | EvaluateTask | ProfileTask
NativeTask = OutputsTask | TraceTask  # whose results come back in a file
NATIVE_TASKS = (
    RoundTask,
    LoadTask,
    MemoryTask,
    OutputsTask,
    TraceTask,
)  # what `etbench/native/runner.cpp` can do


def perform(task: Task, tell: Callable[[str], None]) -> Struct:
    """Run the task in this process and return its answer.

    Args:
        task: the task.
        tell: receives a line about slow progress.

    Raises:
        EtbenchError: of the stage that failed.

    """
    if task.binding is not None and task.executor is None:
        from etbench.runtime.binding import check_binding

        check_binding(Path(task.binding))
    if task.runtime != XnnpackRuntime():
        from etbench.runtime.backend_options import set_options

        set_options(task.runtime)
    folder = Path(task.folder)
    match task:
        case CheckTask():
            from etbench.measure.passes.rounds import check

            return check(folder, task.threads, task.logits_axis, task.executor)
        case ParityTask():
            from etbench.measure.passes.rounds import compare

            return compare(folder, Path(task.file), task.logits_axis)
        case RoundTask():
            from etbench.measure.passes.rounds import time_round

            return time_round(
                folder,
                task.threads,
                reference=task.reference,
                samples=task.samples,
                at_least=task.at_least,
                warmup=task.warmup,
                inferences_per_sample=task.inferences_per_sample,
                time_left_s=task.time_left_s,
                tell=tell,
                executor=task.executor,
            )
        case LoadTask():
            from etbench.measure.passes.load_time import time_load

            return time_load(folder, task.threads, cold=task.cold, executor=task.executor)
        case MemoryTask():
            from etbench.measure.passes.memory import measure_memory

            return measure_memory(folder, task.threads, task.executor)
        case EnergyTask():
            from etbench.measure.passes.energy import measure_energy

            return measure_energy(folder, task.threads, task.executor, seconds=task.seconds)
        case EvaluateTask():
            from etbench.measure.passes.evaluation import evaluate_program

            return evaluate_program(
                folder, task.threads, task.target, task.options, task.executor, task.data_use
            )
        case ProfileTask():
            from etbench.measure.passes.profiling import profile_program, read_profile

            if task.file:
                return read_profile(Path(task.file))
            return profile_program(folder, task.threads, task.executor, quick=task.quick)
