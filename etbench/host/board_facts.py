"""Facts about a Linux machine without Python that a measurement depends on, read through its shell."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import msgspec
from msgspec import Struct

from etbench.host.environment import Environment, vector_extensions
from etbench.host.shell import Shell, ask
from etbench.host.shell_facts import CORES, CPU, MEMORY, cores, fields, kilobytes, numbers

__all__ = ["board_environment", "usable_cores"]

FACTS = (
    MEMORY
    | CORES
    | {
        "node": "uname -n",
        "machine": "uname -m",
        "kernel": "uname -r",
        "release": "cat /etc/os-release",
        "tree": "tr -d '\\000' < /proc/device-tree/model",
        "product": "cat /sys/class/dmi/id/product_name",
        "governor": f"cat {CPU}/cpu0/cpufreq/scaling_governor",
        "no_turbo": f"cat {CPU}/intel_pstate/no_turbo",
        "boost": f"cat {CPU}/cpufreq/boost",
    }
)
PARTS = {  # as Linux lists ARM's own cores in /proc/cpuinfo
    "0xd03": "Cortex-A53",
    "0xd04": "Cortex-A35",
    "0xd05": "Cortex-A55",
    "0xd07": "Cortex-A57",
    "0xd08": "Cortex-A72",
    "0xd09": "Cortex-A73",
    "0xd0a": "Cortex-A75",
    "0xd0b": "Cortex-A76",
    "0xd0c": "Neoverse-N1",
    "0xd0d": "Cortex-A77",
    "0xd40": "Neoverse-V1",
    "0xd41": "Cortex-A78",
    "0xd44": "Cortex-X1",
    "0xd46": "Cortex-A510",
    "0xd47": "Cortex-A710",
    "0xd49": "Neoverse-N2",
    "0xd4f": "Neoverse-V2",
}
ARM, NOBODY = "0x41", "0x00"  # implementers; the second is that of QEMU's own CPU `max`, never of hardware


class _Own(Struct, frozen=True):
    """What the runner's `describe` prints."""

    emulator: str
    extensions: list[str]


def board_environment(
    shell: Shell, describe: str, *, threads: int | None, runtimes: Sequence[str], executorch: str
) -> Environment:
    """Return the current facts about the machine.

    Args:
        shell: of the machine.
        describe: the text for its shell that makes the runner describe its machine. If only the runner is
            emulated, the files there describe the machine that emulates.
        threads: the size of the thread pool, from the runner, if it has one.
        runtimes: the delegates that the runner can execute.
        executorch: the version of the libraries there.

    """
    told = ask(shell, FACTS | {"own": describe})
    own = _own(shell, told["own"])
    cpu = fields(told["cpuinfo"])
    release = {name: text.strip("\"'") for name, text in _assigned(told["release"])}
    flags = own.extensions if own.emulator else (cpu.get("Features") or cpu.get("flags") or "").split()
    listed, _ = cores(told)
    return Environment(
        host=told["node"] or shell.machine,
        os=release.get("PRETTY_NAME") or "Linux",
        machine=told["machine"] or "unknown",
        cpu=own.emulator or _cpu(told["cpuinfo"]) or "unknown",
        cpu_flags=vector_extensions(flags),
        governor=told["governor"] or None,
        turbo=_turbo(told),
        system=f"{release.get('NAME', 'Linux')} {release.get('VERSION_ID', '').partition('.')[0]}".strip(),
        kernel=told["kernel"] or None,
        product=told["tree"] or told["product"] or None,
        emulator=own.emulator or _emulated_machine(cpu),
        physical_cores=_physical(told["cpuinfo"]) or listed,
        logical_cores=listed,
        available_cores=usable_cores(told),
        memory_bytes=kilobytes(told["meminfo"], "MemTotal"),
        python="none",
        libraries={"executorch": executorch},
        runtimes=list(runtimes),
        threads=threads,
        runner="native",
        load_average=numbers(told["loadavg"])[:3],
    )


def usable_cores(told: Mapping[str, str]) -> int:
    """Return how many physical cores a process of a machine's shell may use, from its answers to `CORES`."""
    listed, usable = cores(told)
    return min(_physical(told["cpuinfo"]) or listed, usable)


def _own(shell: Shell, text: str) -> _Own:
    try:
        return msgspec.json.decode(text, type=_Own)
    except msgspec.DecodeError as error:
        raise shell.error(f"the runner there does not describe its machine: {text[:80]!r}") from error


def _assigned(text: str) -> list[tuple[str, str]]:
    return re.findall(r"^(\w+)=(.*)$", text, re.MULTILINE)


def _physical(cpuinfo: str) -> int:
    """Return how many cores it has, by the ids that x86-64 lists; 0 if there are none, as on ARM."""
    found = set()
    for part in cpuinfo.split("\n\n"):
        facts = fields(part)
        if "core id" in facts:
            found.add((facts.get("physical id"), facts["core id"]))
    return len(found)


def _cpu(cpuinfo: str) -> str:
    """Return the name of the CPU; ARM's Linux lists numbers only, and several kinds of cores."""
    facts = fields(cpuinfo)
    if name := facts.get("model name"):
        return name
    pairs = re.findall(r"CPU implementer\s*:\s*(\w+).*?CPU part\s*:\s*(\w+)", cpuinfo, re.DOTALL)
    names = [PARTS.get(part, part) if by == ARM else f"{by}:{part}" for by, part in dict.fromkeys(pairs)]
    return " + ".join(names) or facts.get("Hardware", "")


def _turbo(told: Mapping[str, str]) -> bool | None:
    if told["no_turbo"]:
        return told["no_turbo"] != "1"
    return told["boost"] == "1" if told["boost"] else None


def _emulated_machine(cpu: Mapping[str, str]) -> str | None:
    """Return what emulates the whole machine, as far as its CPU shows it."""
    return "QEMU, CPU max" if cpu.get("CPU implementer") == NOBODY else None
