"""The energy pass: joules per inference, from the counters of Intel's and AMD's processors (RAPL)."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from etbench.artifact.arrays import read_generation
from etbench.errors import EtbenchError
from etbench.measure.pass_results import Energy
from etbench.measure.passes.work import work_of
from etbench.runtime.program import load, read_batches

__all__ = ["POWERCAP", "Counter", "energy_of", "find_counters", "measure_energy", "spent_joules"]

POWERCAP = Path("/sys/class/powercap")
IDLE_S = 0.5


@dataclass(frozen=True)
class Counter:
    """An energy counter in microjoules that wraps around to zero after `range_uj`."""

    name: str
    file: Path
    range_uj: int

    def read_uj(self) -> int:
        """Return its current value."""
        return int(self.file.read_text())


def find_counters(root: Path = POWERCAP) -> list[Counter]:
    """Return the counters of the processor packages.

    The kernel's interface is described in its ``Documentation/power/powercap/powercap.rst``. Cores and memory
    controllers are parts of a package; memory that has a counter of its own is not counted.

    Args:
        root: the folder in which the kernel shows them.

    Raises:
        EtbenchError: of stage ``energy`` if there are none, or they cannot be read.

    """
    zones = [zone for zone in sorted(root.glob("*-rapl:*")) if _name(zone).startswith("package")]
    if not zones:
        raise EtbenchError(f"this system has no RAPL counters (no package in {root})", stage="energy")
    try:
        counters = [
            Counter(_name(zone), zone / "energy_uj", int((zone / "max_energy_range_uj").read_text()))
            for zone in zones
        ]
        for counter in counters:
            counter.read_uj()
    except (OSError, ValueError) as error:
        raise EtbenchError(
            f"the RAPL counters cannot be read: {error}",
            stage="energy",
            hint="since Linux 5.10 only root may read them: allow your user to read the files energy_uj",
        ) from error
    return counters


def measure_energy(
    folder: Path, threads: int, executor: str | None = None, *, seconds: float, root: Path = POWERCAP
) -> Energy:
    """Load the program, rest, and run it for a while, reading the counters before and after each.

    Args:
        folder: the artifact's folder.
        threads: the size of the runtime's thread pool.
        executor: the class of a program of another runtime; None for ExecuTorch.
        seconds: how long to run; only the last inference may take longer.
        root: see `find_counters`.

    Raises:
        EtbenchError: of stage ``energy`` without counters, ``load_program`` if the runtime refuses it.

    """
    counters = find_counters(root)
    inputs, generation = read_batches(folder, executor)[0][0], read_generation(folder)
    work = work_of(load(folder, threads, executor), inputs, generation)
    work.begin()  # the first inference does more than the others
    return energy_of(work.step, counters, seconds=seconds, idle_s=IDLE_S)


def energy_of(
    infer: Callable[[], None], counters: Sequence[Counter], *, seconds: float, idle_s: float
) -> Energy:
    """Return the energy per call: call for so many seconds, after a rest of `idle_s`."""
    before, begun = _read(counters), time.perf_counter()
    time.sleep(idle_s)
    rested, started = _read(counters), time.perf_counter()
    inferences = 0
    while time.perf_counter() - started < seconds or not inferences:
        infer()
        inferences += 1
    after, ended = _read(counters), time.perf_counter()
    idle_watts = spent_joules(counters, before, rested) / (started - begun)
    joules, busy_s = spent_joules(counters, rested, after), ended - started
    return Energy(
        joules_per_inference=(joules - idle_watts * busy_s) / inferences,
        gross_joules_per_inference=joules / inferences,
        idle_watts=idle_watts,
        busy_watts=joules / busy_s,
        inferences=inferences,
        seconds=busy_s,
        domains=[counter.name for counter in counters],
    )


def spent_joules(counters: Sequence[Counter], before: Sequence[int], after: Sequence[int]) -> float:
    """Return the energy between two readings in µJ; each counter may have wrapped around once."""
    return sum(
        (end - begin) % (counter.range_uj + 1) / 1e6
        for counter, begin, end in zip(counters, before, after, strict=True)
    )


def _read(counters: Sequence[Counter]) -> list[int]:
    return [counter.read_uj() for counter in counters]


def _name(zone: Path) -> str:
    try:
        return (zone / "name").read_text().strip()
    except OSError:
        return ""
