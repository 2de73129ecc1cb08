"""What this machine can build, run and measure well, and why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import msgspec

from etbench.host.environment import Environment

__all__ = ["Advice", "advise", "describe", "registered_backends"]

GIB = 2**30
LITTLE_MEMORY = 4 * GIB
BUSY_SHARE = 0.1

# Run in its own process: importing the runtime takes seconds, and may crash.
RUNTIME_PROGRAM = """
import json
from executorch.extension.pybindings import _C
import executorch.kernels.quantized
print(json.dumps(sorted(_C._get_registered_backend_names())))
"""


class Advice(msgspec.Struct, frozen=True):
    """Something about this machine that disturbs a measurement, and what to do about it."""

    trouble: str
    cure: str


def advise(facts: Environment, busy_share: float) -> Iterator[Advice]:
    """Yield what is known to disturb measurements.

    Args:
        facts: of this machine.
        busy_share: how much of the CPUs is in use now, from 0 to 1.

    """
    if facts.emulator:
        yield Advice(
            f"the machine is emulated ({facts.emulator})",
            "its times and memory say nothing; its outputs are valid as far as the emulator is right",
        )
    if busy_share > BUSY_SHARE:
        yield Advice(
            f"{busy_share:.0%} of the CPUs are busy with something else",
            "stop it, or expect results marked noisy",
        )
    if facts.governor not in (None, "performance"):
        yield Advice(
            f"the CPU clock follows the load (governor {facts.governor})",
            "sudo cpupower frequency-set -g performance",
        )
    if facts.turbo:
        yield Advice(
            "the CPU clock may exceed its nominal rate for a while (turbo)",
            "turn it off to compare separate runs; interleaved runs (compare_to=) are not affected",
        )
    if facts.quota_cores is not None and facts.quota_cores < facts.logical_cores:
        yield Advice(
            f"a CPU quota of {facts.quota_cores} of {facts.logical_cores} CPUs throttles bursts",
            "pin the container to whole CPUs (cpuset) instead of a quota",
        )
    memory = min(facts.memory_limit_bytes or facts.memory_bytes, facts.memory_bytes)
    if memory < LITTLE_MEMORY:
        yield Advice(
            f"{memory / GIB:.1f} GiB of memory",
            "lowering a large model needs more: build it on another machine",
        )


def describe(facts: Environment) -> Iterator[tuple[str, str]]:
    """Yield each fact of a machine as its name and a text."""
    limit = f", limited to {facts.memory_limit_bytes / GIB:.1f}" if facts.memory_limit_bytes else ""
    quota = f", a quota of {facts.quota_cores}" if facts.quota_cores else ""
    yield "host", f"{facts.host}, {facts.os}" + (f", in {facts.container}" if facts.container else "")
    yield "CPU", f"{facts.cpu} ({facts.machine})"
    yield "vector extensions", " ".join(facts.cpu_flags) or "none known"
    yield (
        "cores",
        f"{facts.physical_cores} physical, {facts.logical_cores} logical, "
        f"{facts.available_cores} for this process{quota}",
    )
    yield "clock", f"governor {facts.governor or 'unknown'}, turbo {_word(facts.turbo)}"
    yield "memory", f"{facts.memory_bytes / GIB:.1f} GiB{limit}"
    yield "load average", " ".join(map(str, facts.load_average))
    yield "python", facts.python
    yield "libraries", ", ".join(f"{name} {version}" for name, version in facts.libraries.items())


def _word(fact: bool | None) -> str:
    return "unknown" if fact is None else "on" if fact else "off"


def registered_backends() -> tuple[list[str] | None, str]:
    """Return the delegates that the installed runtime has, or None and why it does not start."""
    done = subprocess.run(
        [sys.executable, "-c", RUNTIME_PROGRAM],
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ,
        check=False,
    )
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["no output"])[-1]
    return list(json.loads(done.stdout.strip().splitlines()[-1])), ""
