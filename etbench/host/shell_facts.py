"""Facts about a Linux machine that are read through its shell, from files that every Linux has.

What the machine does not report is left out; it is not replaced by facts about this host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from etbench.host.load import MachineNow, total_s
from etbench.host.shell import Shell, ask

__all__ = [
    "CORES",
    "CPU",
    "MEMORY",
    "cores",
    "fields",
    "kilobytes",
    "numbers",
    "shell_cores",
    "shell_now",
]

CPU = "/sys/devices/system/cpu"
MEMORY = {"meminfo": "cat /proc/meminfo", "loadavg": "cat /proc/loadavg"}
NOW = MEMORY | {
    "stat": "head -n 1 /proc/stat",
    "frequencies": f"cat {CPU}/cpu*/cpufreq/scaling_cur_freq",
    "temperatures": "cat /sys/class/thermal/thermal_zone*/temp",
}
CORES = {"cpuinfo": "cat /proc/cpuinfo", "nproc": "nproc"}
TICKS_PER_S = 100.0  # in /proc/stat, on every Linux
TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")


def shell_now(shell: Shell) -> MachineNow:
    """Return the current state of the machine."""
    told = ask(shell, NOW)
    ticks = numbers(told["stat"])
    times = {name: count / TICKS_PER_S for name, count in zip(TIMES, ticks, strict=False)}
    total, idle, steal = total_s({"idle": 0.0} | times)
    frequencies, temperatures = numbers(told["frequencies"]), numbers(told["temperatures"])
    return MachineNow(
        load_average=numbers(told["loadavg"])[:3],
        frequency_mhz=sum(frequencies) / len(frequencies) / 1e3 if frequencies else None,
        temperature_c=max(temperatures) / 1e3 if temperatures else None,
        memory_available_bytes=kilobytes(told["meminfo"], "MemAvailable"),
        cpu_s=total,
        busy_s=total - idle - (steal or 0.0),
        steal_s=steal,
    )


def shell_cores(shell: Shell) -> int:
    """Return how many CPUs a process of its shell may use."""
    return cores(ask(shell, CORES))[1]


def fields(text: str) -> dict[str, str]:
    """Return the values of lines such as ``Features : asimd``; the last of each name."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def cores(told: Mapping[str, str]) -> tuple[int, int]:
    """Return how many CPUs it has, and how many of them a process of its shell may use."""
    listed = len(re.findall(r"^processor\s*:", told["cpuinfo"], re.MULTILINE))
    usable = int(told["nproc"]) if told["nproc"].isdigit() else max(1, listed)
    return max(listed, usable), usable


def kilobytes(text: str, name: str) -> int:
    """Return the bytes of a line such as ``MemTotal:  1234 kB``; 0 if there is none."""
    found = numbers(fields(text).get(name, ""))
    return int(found[0]) * 1024 if found else 0


def numbers(text: str) -> list[float]:
    """Return the numbers among the words of a text."""
    return [float(word) for word in text.split() if re.fullmatch(r"-?\d+(\.\d+)?", word)]
