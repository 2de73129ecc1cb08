"""The passes other than the timed rounds, each in a fresh process, so that none affects another."""

from __future__ import annotations

import time
from typing import Protocol, TypeVar

from msgspec import Struct

from etbench.config import Passes
from etbench.errors import EtbenchError
from etbench.measure.pass_results import Energy, Inspection, LoadPass, LoadTimes, Memory, OneLoad, Profile
from etbench.measure.worker.tasks import EnergyTask, LoadTask, MemoryTask, ProfileTask, Task

__all__ = ["RunTask", "inspect_program"]

T = TypeVar("T", bound=Struct)


class RunTask(Protocol):
    """Runs a task in a fresh process and returns its answer."""

    def __call__(self, task: Task, answer: type[T], /) -> T:
        """Raise an `EtbenchError` if the process fails."""


def inspect_program(
    folder: str, threads: int, passes: Passes, *, profile: bool, first_load: OneLoad | None, run: RunTask
) -> Inspection:
    """Measure the load time, memory and energy of a program and, if wanted, profile its operators.

    Args:
        folder: the artifact's folder.
        threads: the size of the runtime's thread pool.
        passes: the settings of the passes.
        profile: whether to time the operators too.
        first_load: of the process that has checked the program; it counts as one of the warm loads.
        run: runs a task in a fresh process.

    Raises:
        EtbenchError: of stage ``load_program`` if the runtime refuses it, or with how a process died.

    """
    profiled, no_profile = _profile(folder, threads, run) if profile else (None, "")
    return Inspection(
        load=_load(folder, threads, passes, first_load, run),
        memory=run(MemoryTask(folder=folder, threads=threads), Memory),
        energy=_energy(folder, threads, passes, run),
        profile=profiled,
        no_profile=no_profile,
    )


def _load(folder: str, threads: int, passes: Passes, first_load: OneLoad | None, run: RunTask) -> LoadPass:
    """Load in several processes, first with the file in the page cache; a slow program is loaded once."""
    begun = time.monotonic()

    def load(done: list[OneLoad], *, cold: bool, at_least: int, until_s: float) -> list[OneLoad]:
        task, each = LoadTask(folder=folder, threads=threads, cold=cold), list(done)
        while len(each) < passes.load and (len(each) < at_least or time.monotonic() - begun < until_s):
            each.append(run(task, OneLoad))
        return each

    done = [first_load] if first_load else []
    warm = LoadTimes.of(load(done, cold=False, at_least=1, until_s=passes.load_s / 2))
    try:
        cold = load([], cold=True, at_least=0, until_s=passes.load_s)
    except EtbenchError as error:
        if error.stage != "load":
            raise
        return LoadPass(warm=warm, cold_reason=error.message)
    if not cold:
        return LoadPass(warm=warm, cold_reason=f"passes.load_s={passes.load_s:g} left no time for it")
    return LoadPass(warm=warm, cold=LoadTimes.of(cold))


def _energy(folder: str, threads: int, passes: Passes, run: RunTask) -> Energy:
    try:
        return run(EnergyTask(folder=folder, threads=threads, seconds=passes.energy_s), Energy)
    except EtbenchError as error:
        if error.stage != "energy":
            raise
        return Energy(reason=". ".join(filter(None, (error.message, error.hint))))


def _profile(folder: str, threads: int, run: RunTask) -> tuple[Profile | None, str]:
    """Return the times of the operators, or None and why there are none."""
    try:
        return run(ProfileTask(folder=folder, threads=threads), Profile), ""
    except EtbenchError as error:
        if error.stage != "profile":
            raise
        return None, error.message
