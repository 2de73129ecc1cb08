"""What else the machine did while a round ran."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import psutil
from msgspec import Struct

from etbench.stats.bounds import Count, Whole

__all__ = ["MachineLoad", "MachineNow", "machine_now", "total_s", "watch_load"]

# Of all CPUs together. The system counts in ticks of 10 ms, while the time of this process is exact and a
# load cannot be negative, so that shares of a shorter time are mostly too high.
LEAST_CPU_S = 0.1


class MachineLoad(Struct, frozen=True, kw_only=True):
    """What else the machine did during a round; a value is None if the system does not report it.

    `other_cpu_share` and `steal_share` are shares of the time of all logical CPUs: 0.5 on two CPUs means that
    one was busy with something else. The first is also None if the round is too short for the clock's ticks.
    `frequency_mhz` is the mean over the CPUs, `temperature_c` the highest of the sensors, at the end of the
    round. `cpus` are those that the process was allowed to use.
    """

    other_cpu_share: float | None
    steal_share: float | None
    involuntary_switches: Whole
    major_faults: Whole
    frequency_mhz: float | None
    temperature_c: float | None = None
    cpus: list[Count] = []


class MachineNow(Struct, frozen=True, kw_only=True):
    """The state of the machine at one moment; a value is None if the system does not report it.

    `busy_s` and `steal_s` are CPU time since the machine started, over all its CPUs, and `cpu_s` is the
    total, so that two states show the load between them. `load_average` is over 1, 5 and 15 minutes.
    """

    load_average: list[float]
    frequency_mhz: float | None
    temperature_c: float | None
    memory_available_bytes: Count
    cpu_s: float
    busy_s: float
    steal_s: float | None


def machine_now() -> MachineNow:
    """Return the current state of the machine."""
    times = psutil.cpu_times()
    total, idle, steal = total_s(times._asdict())
    return MachineNow(
        load_average=[round(value, 2) for value in psutil.getloadavg()],
        frequency_mhz=_frequency_mhz(),
        temperature_c=_temperature_c(),
        memory_available_bytes=psutil.virtual_memory().available,
        cpu_s=total,
        busy_s=total - idle - (steal or 0.0),
        steal_s=steal,
    )


def watch_load() -> Callable[[], MachineLoad]:
    """Start to watch the load and return a function that returns what has happened since.

    The CPU time of this process does not count as other load; its parent only waits and uses none.
    """
    before, own = psutil.cpu_times(), _own_cpu_s()
    usage = resource.getrusage(resource.RUSAGE_SELF)

    def since() -> MachineLoad:
        after = psutil.cpu_times()
        spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields}
        total, idle, steal = total_s(spent)
        other = max(0.0, total - idle - (steal or 0.0) - (_own_cpu_s() - own))
        now = resource.getrusage(resource.RUSAGE_SELF)
        return MachineLoad(
            other_cpu_share=min(1.0, other / total) if total >= LEAST_CPU_S else None,
            steal_share=steal / total if steal is not None and total > 0 else None,
            involuntary_switches=now.ru_nivcsw - usage.ru_nivcsw,
            major_faults=now.ru_majflt - usage.ru_majflt,
            frequency_mhz=_frequency_mhz(),
            temperature_c=_temperature_c(),
            cpus=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        )

    return since


def total_s(times: Mapping[str, float]) -> tuple[float, float, float | None]:
    """Return the total, idle and steal time in `psutil.cpu_times`; steal is the time a hypervisor took."""
    # guest time is part of user time already
    total = sum(value for name, value in times.items() if not name.startswith("guest"))
    return total, times["idle"] + times.get("iowait", 0.0), times.get("steal")


def _own_cpu_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _frequency_mhz() -> float | None:
    """Return the mean current frequency, from the kernel's files: `psutil.cpu_freq` parses far more."""
    files: Sequence[Path] = list(Path("/sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))
    try:
        values = [int(file.read_text()) / 1e3 for file in files]
    except (OSError, ValueError):
        return None
    return sum(values) / len(values) if values else None


def _temperature_c() -> float | None:
    """Return the highest temperature of any sensor; virtual machines mostly have none."""
    if not hasattr(psutil, "sensors_temperatures"):
        return None
    readings = [sensor.current for sensors in psutil.sensors_temperatures().values() for sensor in sensors]
    return max(readings, default=None)
