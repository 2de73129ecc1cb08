"""What else the machine did while a round ran."""

from __future__ import annotations

import os
import resource
from collections.abc import Callable, Sequence
from pathlib import Path

import psutil

from etbench.measure.protocol import MachineLoad

__all__ = ["watch_load"]


def watch_load() -> Callable[[], MachineLoad]:
    """Start to watch and return a function that tells what has happened since.

    The CPU time of this process is not counted as other load; that of its parent, which waits, is none.
    """
    before, own = psutil.cpu_times(), _own_cpu_s()
    usage = resource.getrusage(resource.RUSAGE_SELF)

    def since() -> MachineLoad:
        after = psutil.cpu_times()
        spent = {name: getattr(after, name) - getattr(before, name) for name in after._fields}
        # guest time is part of user time already
        total = sum(value for name, value in spent.items() if not name.startswith("guest"))
        steal = spent.get("steal")
        idle = spent["idle"] + spent.get("iowait", 0.0)
        other = max(0.0, total - idle - (steal or 0.0) - (_own_cpu_s() - own))
        now = resource.getrusage(resource.RUSAGE_SELF)
        return MachineLoad(
            other_cpu_share=other / total if total > 0 else None,
            steal_share=steal / total if steal is not None and total > 0 else None,
            involuntary_switches=now.ru_nivcsw - usage.ru_nivcsw,
            major_faults=now.ru_majflt - usage.ru_majflt,
            frequency_mhz=_frequency_mhz(),
            temperature_c=_temperature_c(),
            cpus=sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else [],
        )

    return since


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
