"""The facts about host and libraries that a measurement depends on; imports no torch."""

from __future__ import annotations

import math
import os
import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import psutil
from msgspec import Struct

__all__ = ["Environment", "available_cores", "read_environment"]

LIBRARIES = ("etbench", "torch", "torchao", "executorch", "torchvision", "transformers", "numpy")


class Environment(Struct, frozen=True, kw_only=True):
    """Where a cell was measured. Sizes in bytes; `threads` is what the runtime's pool really had."""

    host: str
    os: str
    machine: str
    cpu: str
    physical_cores: int
    logical_cores: int
    available_cores: int
    memory_bytes: int
    python: str
    libraries: dict[str, str]
    threads: int | None
    load_average: list[float]


def read_environment(*, threads: int | None) -> Environment:
    """Return the facts of this host now."""
    return Environment(
        host=platform.node(),
        os=platform.platform(),
        machine=platform.machine(),
        cpu=_cpu_name(),
        physical_cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        logical_cores=psutil.cpu_count() or 1,
        available_cores=available_cores(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        libraries={name: found for name in LIBRARIES if (found := _version(name))},
        threads=threads,
        load_average=[round(value, 2) for value in psutil.getloadavg()],
    )


def available_cores() -> int:
    """Return the physical cores this process may use: those of the host, its affinity, its cgroup's quota."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed, _cgroup_quota_cores() or physical))


def _cgroup_quota_cores() -> int | None:
    """Return the CPU quota of a container in whole cores, rounded up; None if there is none."""
    quota_file = Path("/sys/fs/cgroup/cpu.max")
    try:
        quota, period = quota_file.read_text().split()[:2]
        return math.ceil(int(quota) / int(period))
    except (OSError, ValueError):  # no cgroup v2, or the word "max"
        return None


@cache
def _cpu_name() -> str:
    import cpuinfo

    return str(cpuinfo.get_cpu_info().get("brand_raw") or platform.processor() or "unknown")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
