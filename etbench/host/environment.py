"""Facts about the host and its libraries that a measurement depends on; imports no torch.

To record another fact, add a field with a default to `Environment`. If two machines that differ in it must
not be compared, add it to `etbench.host.fingerprint`; if it could identify its owner, to
`etbench.results.files.anonymous`.
"""

from __future__ import annotations

import math
import os
import platform
import re
from collections.abc import Callable, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Any, Literal

import psutil
from msgspec import Struct

from etbench.environments import version_in
from etbench.host.cgroups import cpu_limit, memory_limit_bytes
from etbench.host.revision import read_revision
from etbench.stats.bounds import Count
from etbench.version import __version__

__all__ = [
    "RAY_NODE",
    "Environment",
    "RuntimeUsed",
    "available_cores",
    "library_versions",
    "own_vector_extensions",
    "read_environment",
    "vector_extensions",
]

RAY_NODE = "ETBENCH_RAY_NODE"  # environment variable: the node a process runs on
EXECUTORCH = "executorch"  # as a runtime, and among the libraries

VECTOR = re.compile(r"(avx|amx|fma|f16c|sse4|neon|asimd|sve|sme2?$|i8mm|bf16)")
CPUFREQ = Path("/sys/devices/system/cpu")
LIBRARIES = (
    *("torch", "torchao", "executorch", "torchvision", "transformers", "numpy"),
    *("onnxruntime", "openvino", "nncf", "ai-edge-litert"),
)


class RuntimeUsed(Struct, frozen=True):
    """What executed a program, and its version; None if that is not known."""

    name: str
    version: str | None


class Environment(Struct, frozen=True, kw_only=True):
    """Where a cell was measured. Sizes in bytes; a value is null if the system does not report it.

    `runtimes` are the delegates that the installed runtime can execute, in addition to its own kernels.
    `runtime` is what executed the program, with its `runtime_version`; both are null in results of older
    versions, and where nothing was executed. `threads` is the size of the runtime's thread pool as the
    runtime reports it, `busy_threads` how many threads of the process took CPU time while it ran, null if
    that is not known, and `runner` what called it (``python`` or ``native``). `system` is the name of the
    operating system with its major version, `kernel` its release, and `product` the name of a phone's model;
    results of older versions lack them. `cpu_flags` are the vector extensions, `quota_cores`, `cpu_limit`
    (exact) and `memory_limit_bytes` the smallest limits of the container or cgroups, `governor` and `turbo`
    the settings of the clock. `node` is the name of this host in a Ray cluster, `emulator` what emulated this
    machine, whose times do not describe a real one. `env` names the interpreter that ran the program
    (`env.run`), null for the one of etbench. `binding` is the file of the binding of ExecuTorch's runtime
    that it used, and `start` how the processes of the rounds were started: ``fork`` or ``spawn``, null with
    the native runner. `commit` is the commit of the git repository in which etbench was started, `dirty`
    whether its tracked files differed.
    """

    host: str
    os: str
    machine: str
    cpu: str
    cpu_flags: list[str] = []
    governor: str | None = None
    turbo: bool | None = None
    container: str | None = None
    node: str | None = None
    system: str | None = None
    kernel: str | None = None
    product: str | None = None
    emulator: str | None = None
    quota_cores: Count | None = None
    cpu_limit: float | None = None
    memory_limit_bytes: Count | None = None
    physical_cores: Count
    logical_cores: Count
    available_cores: Count
    memory_bytes: Count
    python: str
    libraries: dict[str, str]
    runtimes: list[str] = []
    commit: str | None = None
    dirty: bool | None = None
    env: str | None = None
    binding: str | None = None
    start: Literal["fork", "spawn"] | None = None
    threads: Count | None
    busy_threads: Count | None = None
    runtime: str | None = None
    runtime_version: str | None = None
    runner: str = "python"
    load_average: list[float]

    @property
    def is_executorch(self) -> bool:
        """Whether ExecuTorch executed the program, as it did in results of older versions."""
        return self.runtime in (None, EXECUTORCH)

    @property
    def version_that_ran(self) -> str | None:
        """The version of what executed the program; None if that is not known."""
        return self.libraries.get(EXECUTORCH) if self.is_executorch else self.runtime_version

    @property
    def runtime_words(self) -> str | None:
        """What executed the program, such as ``onnxruntime 1.32.0``; None if that is not known."""
        return self.runtime and " ".join(filter(None, (self.runtime, self.runtime_version)))


def read_environment(
    *, threads: int | None, runtimes: Sequence[str] = (), runner: str = "python"
) -> Environment:
    """Return the current facts about this host; the arguments come from a process with the runtime."""
    commit, dirty = read_revision()
    return Environment(
        host=platform.node(),
        os=platform.platform(),
        machine=platform.machine(),
        cpu=_cpu()[0],
        cpu_flags=own_vector_extensions(),
        governor=_first_line(CPUFREQ / "cpu0/cpufreq/scaling_governor"),
        turbo=_turbo(),
        container=_container(),
        emulator=_emulator(),
        node=os.environ.get(RAY_NODE),
        system=_system(),
        kernel=platform.release(),
        quota_cores=_quota_cores(),
        cpu_limit=cpu_limit(),
        memory_limit_bytes=memory_limit_bytes(),
        physical_cores=psutil.cpu_count(logical=False) or psutil.cpu_count() or 1,
        logical_cores=psutil.cpu_count() or 1,
        available_cores=available_cores(),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        libraries=library_versions(partial(version_in, None)),
        runtimes=list(runtimes),
        commit=commit,
        dirty=dirty,
        threads=threads,
        runner=runner,
        load_average=[round(value, 2) for value in psutil.getloadavg()],
    )


def library_versions(version_of: Callable[[str], str | None]) -> dict[str, str]:
    """Return the versions of etbench, also of a checkout that is not installed, and of the libraries."""
    return {"etbench": __version__} | {name: found for name in LIBRARIES if (found := version_of(name))}


def available_cores() -> int:
    """Return how many physical cores this process may use, by its affinity and the quota of its cgroups."""
    physical = psutil.cpu_count(logical=False) or psutil.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed, _quota_cores() or physical))


def _quota_cores() -> int | None:
    """Return the CPU quota of this process in whole cores, rounded up; None if there is none."""
    limit = cpu_limit()
    return None if limit is None else math.ceil(limit)


def _system() -> str:
    """Return the name of the operating system with its major version, such as ``Debian GNU/Linux 12``."""
    if mac := platform.mac_ver()[0]:
        return f"macOS {mac.partition('.')[0]}"
    try:
        told = platform.freedesktop_os_release()
    except OSError:  # not Linux, or an image without the file
        return f"{platform.system()} {platform.release().partition('.')[0]}".strip()
    return f"{told['NAME']} {told.get('VERSION_ID', '').partition('.')[0]}".strip()


@cache
def _cpu() -> tuple[str, list[str]]:
    """Return the CPU's name and flags: from the kernel if possible, since `py-cpuinfo` takes a second."""
    try:
        lines = (line.partition(":") for line in Path("/proc/cpuinfo").read_text().splitlines())
        facts = {key.strip(): value.strip() for key, _, value in lines}
        return facts["model name"], facts["flags"].split()
    except (OSError, KeyError):
        import cpuinfo

        found: dict[str, Any] = cpuinfo.get_cpu_info()
        return str(found.get("brand_raw") or platform.processor() or "unknown"), found.get("flags", [])


def own_vector_extensions() -> list[str]:
    """Return the vector extensions of this machine's CPU."""
    return vector_extensions(_cpu()[1])


def vector_extensions(flags: Sequence[str]) -> list[str]:
    """Return the vector extensions in a CPU's flags; some are spelled with and without underscores."""
    found = [flag for flag in flags if VECTOR.match(flag)]
    return sorted(
        {flag.replace("_", ""): flag for flag in sorted(found, key=lambda f: f.count("_"))}.values()
    )


def _turbo() -> bool | None:
    """Return whether the clock may exceed its nominal rate, with Intel's driver or any other."""
    if (no_turbo := _number(CPUFREQ / "intel_pstate/no_turbo")) is not None:
        return not no_turbo
    boost = _number(CPUFREQ / "cpufreq/boost")
    return None if boost is None else bool(boost)


def _container() -> str | None:
    """Return the kind of container this runs in, by the files that each kind creates."""
    if Path("/.dockerenv").exists():
        return "docker"
    if Path("/run/.containerenv").exists():
        return "podman"
    return "kubernetes" if "KUBERNETES_SERVICE_HOST" in os.environ else None


def _emulator() -> str | None:
    """Return the name of the program that emulates this process; it answers for /proc/self only."""
    try:
        own = Path("/proc/self/exe").readlink()
        real = Path(f"/proc/self/task/{os.getpid()}/exe").readlink()
    except OSError:  # not Linux
        return None
    return None if own == real else real.name


def _number(file: Path) -> int | None:
    line = _first_line(file)
    return int(line) if line and line.isdigit() else None


def _first_line(file: Path) -> str | None:
    try:
        return file.read_text().splitlines()[0].strip()
    except (OSError, IndexError):
        return None
