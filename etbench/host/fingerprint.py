"""Which results come from the same machine: one hardware, whatever the name of the host."""

from __future__ import annotations

import hashlib

from etbench.host.environment import Environment

__all__ = ["hardware", "hardware_differences", "machine_name", "software"]

GIB = 2**30
RUNTIME = ("torch", "torchao", "executorch")
DIGITS = 6
UNKNOWN = "unknown"


def hardware(facts: Environment) -> dict[str, str]:
    """Return what identifies the hardware and its operating system, by name.

    A host's name is not part of it: a container gets a new one every time, and two machines may have the same
    one. Only results of older versions, which lack some of the facts, are identified by host and CPU.
    """
    if facts.system is None:
        return {"host": facts.host, "CPU": facts.cpu}
    return {
        "CPU": facts.cpu,
        "architecture": facts.machine,
        "product": facts.product or "none",
        "usable cores": str(facts.available_cores),
        "CPU limit": "none" if facts.cpu_limit is None else f"{facts.cpu_limit:g} CPUs",
        "memory": f"{facts.memory_bytes / GIB:.0f} GiB",
        "operating system": facts.system,
        "vector extensions": " ".join(sorted(facts.cpu_flags)) or "none",
        **({"emulator": facts.emulator} if facts.emulator else {}),  # absent: checksums of others stay
    }


def software(facts: Environment) -> dict[str, str | None]:
    """Return the versions that a latency depends on, by name; None if one is unknown or not installed."""
    return {
        "python": facts.python,
        "kernel": facts.kernel,
        **{name: facts.libraries.get(name) for name in RUNTIME},
    }


def machine_name(facts: Environment) -> str:
    """Return a name that two results share if they come from the same hardware.

    It is the CPU with a few digits of a checksum of all facts about the hardware. For results of older
    versions it is the host and the CPU, as far as they are known.
    """
    told = hardware(facts)
    if facts.system is None:
        return ", ".join(value for value in told.values() if value != UNKNOWN) or UNKNOWN
    checksum = hashlib.sha256("\n".join(map(": ".join, told.items())).encode()).hexdigest()
    return f"{facts.cpu} ({checksum[:DIGITS]})"


def hardware_differences(base: Environment, new: Environment) -> dict[str, tuple[str, str]]:
    """Return the facts about the hardware in which two machines differ, with both values.

    Where one of them has too few facts, both are identified by host and CPU.
    """
    if base.system is None or new.system is None:
        sides = [{"host": side.host, "CPU": side.cpu} for side in (base, new)]
    else:
        sides = [hardware(side) for side in (base, new)]
    names = dict.fromkeys([*sides[0], *sides[1]])
    both = {name: (sides[0].get(name, "none"), sides[1].get(name, "none")) for name in names}
    found = {name: pair for name, pair in both.items() if pair[0] != pair[1]}
    if extensions := found.get("vector extensions"):
        found["vector extensions"] = _each_alone(*extensions)
    return found


def _each_alone(base: str, new: str) -> tuple[str, str]:
    """Leave only the words that the other one lacks."""
    one, other = set(base.split()), set(new.split())
    return " ".join(sorted(one - other)) or "none", " ".join(sorted(other - one)) or "none"
