"""What this machine can build, run and measure well, and why not."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterable, Iterator

import msgspec

from etbench.config.sections import Delegate
from etbench.environments.installed import BINDINGS, BUILDING, look
from etbench.environments.names import interpreter
from etbench.environments.versions import version_in
from etbench.host.environment import Environment

__all__ = [
    "FAULT",
    "Advice",
    "advise",
    "describe",
    "describe_interpreter",
    "other_runtimes",
    "registered_backends",
]

GIB = 2**30
LITTLE_MEMORY = 4 * GIB
BUSY_SHARE = 0.1
FAULT = "cannot be used"

# Run in its own process: importing the runtime takes seconds, and may crash.
RUNTIME_PROGRAM = f"""
import importlib, importlib.util, json, torch
names = ["executorch.extension.pybindings." + name for name in {BINDINGS!r}]
binding = importlib.import_module(next(filter(importlib.util.find_spec, names), names[0]))
import executorch.kernels.quantized
print(json.dumps(sorted(binding._get_registered_backend_names())))
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
            "its times and memory do not describe a real machine; its outputs are valid as far as the "
            "emulator is right",
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


def other_runtimes(delegates: Iterable[Delegate]) -> Iterator[tuple[str, str]]:
    """Yield each runtime other than ExecuTorch that needs a package: its version, or how to install it."""
    for delegate in delegates:
        needed = [one for one in delegate.requires if one.package]
        if delegate.executor is None or not needed:
            continue
        found = [
            f"{one.package} {version_in(one.provider(delegate.options, None), one.package)}"
            for one in needed
            if one.package and not one.missing
        ]
        yield f"delegate={delegate.name}", "; ".join([*found, *filter(None, (one.missing for one in needed))])


def _word(fact: bool | None) -> str:
    return "unknown" if fact is None else "on" if fact else "off"


def registered_backends(python: str = sys.executable) -> tuple[list[str] | None, str]:
    """Return the delegates that the runtime of an interpreter has, or None and why it does not start."""
    done = subprocess.run(
        [python, "-c", RUNTIME_PROGRAM],
        capture_output=True,
        text=True,
        errors="replace",
        env=os.environ,
        check=False,
    )
    if done.returncode:
        return None, (done.stderr.strip().splitlines() or ["no output"])[-1]
    return list(json.loads(done.stdout.strip().splitlines()[-1])), ""


def describe_interpreter(env: str) -> Iterator[tuple[str, str]]:
    """Yield each fact about another interpreter as its name and a text, the last of them what is wrong.

    Args:
        env: as `etbench.environments.interpreter` takes it.

    Raises:
        EtbenchError: of stage ``env`` if there is no such interpreter.

    """
    found = look(interpreter(env))
    yield "interpreter", f"{found.python}, Python {found.version}"
    known = ((name, found.version_of(name)) for name in (*BUILDING, "torchvision", "transformers"))
    yield "libraries", ", ".join(f"{name} {version}" for name, version in known if version)
    yield "binding", str(found.binding or "none")
    if fault := found.fault(BUILDING):
        yield FAULT, fault
        return
    backends, why = registered_backends(found.python)
    yield ("runtimes", ", ".join(["portable", *backends])) if backends is not None else (FAULT, why)
