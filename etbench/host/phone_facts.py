"""Facts about an Android device that a measurement depends on, read through its shell.

What the device does not report is left out; it is not replaced by facts about this host.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from etbench.host.adb import Adb
from etbench.host.environment import Environment, vector_extensions
from etbench.host.load import MachineNow, total_s

__all__ = ["phone_cores", "phone_environment", "phone_now"]

CPU = "/sys/devices/system/cpu"
MEMORY = {"meminfo": "cat /proc/meminfo", "loadavg": "cat /proc/loadavg"}
NOW = MEMORY | {
    "stat": "head -n 1 /proc/stat",
    "frequencies": f"cat {CPU}/cpu*/cpufreq/scaling_cur_freq",
    "temperatures": "cat /sys/class/thermal/thermal_zone*/temp",
}
CORES = {"cpuinfo": "cat /proc/cpuinfo", "nproc": "nproc"}
FACTS = (
    MEMORY
    | CORES
    | {
        "model": "getprop ro.product.model",
        "release": "getprop ro.build.version.release",
        "fingerprint": "getprop ro.build.fingerprint",
        "abi": "getprop ro.product.cpu.abi",
        "kernel": "uname -r",
        "soc": "getprop ro.soc.model",  # from Android 12 on
        "board": "getprop ro.board.platform",
        "governor": f"cat {CPU}/cpu0/cpufreq/scaling_governor",
    }
)
TICKS_PER_S = 100.0  # in /proc/stat, on every Linux
TIMES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal", "guest", "guest_nice")


def phone_environment(adb: Adb, *, threads: int, runtimes: Sequence[str]) -> Environment:
    """Return the current facts about the device; the arguments come from the runner.

    A core of a phone is one logical CPU. It has no Python, and the runner does not report its version of
    ExecuTorch.
    """
    told = _ask(adb, FACTS)
    facts = _fields(told["cpuinfo"])
    flags = facts.get("Features") or facts.get("flags") or ""
    return Environment(
        host=f"{told['model']} {adb.machine}".strip(),
        os=f"Android {told['release']} ({told['fingerprint']})",
        machine=told["abi"] or "unknown",
        cpu=told["soc"] or facts.get("Hardware") or facts.get("model name") or told["board"] or "unknown",
        cpu_flags=vector_extensions(flags.split()),
        governor=told["governor"] or None,
        system=f"Android {told['release'].partition('.')[0]}" if told["release"] else None,
        kernel=told["kernel"] or None,
        product=told["model"] or None,
        physical_cores=_cores(told)[0],
        logical_cores=_cores(told)[0],
        available_cores=_cores(told)[1],
        memory_bytes=_kilobytes(told["meminfo"], "MemTotal"),
        python="none",
        libraries={},
        runtimes=list(runtimes),
        threads=threads,
        runner="native",
        load_average=_numbers(told["loadavg"])[:3],
    )


def phone_now(adb: Adb) -> MachineNow:
    """Return the current state of the device."""
    told = _ask(adb, NOW)
    ticks = _numbers(told["stat"])
    times = {name: count / TICKS_PER_S for name, count in zip(TIMES, ticks, strict=False)}
    total, idle, steal = total_s({"idle": 0.0} | times)
    frequencies, temperatures = _numbers(told["frequencies"]), _numbers(told["temperatures"])
    return MachineNow(
        load_average=_numbers(told["loadavg"])[:3],
        frequency_mhz=sum(frequencies) / len(frequencies) / 1e3 if frequencies else None,
        temperature_c=max(temperatures) / 1e3 if temperatures else None,
        memory_available_bytes=_kilobytes(told["meminfo"], "MemAvailable"),
        cpu_s=total,
        busy_s=total - idle - (steal or 0.0),
        steal_s=steal,
    )


def phone_cores(adb: Adb) -> int:
    """Return how many CPUs a process of its shell may use."""
    return _cores(_ask(adb, CORES))[1]


def _ask(adb: Adb, commands: Mapping[str, str]) -> dict[str, str]:
    """Return what each command prints in the device's shell, by name; empty if it fails."""
    text = "; ".join(f"echo; echo '#{name}'; {command} 2>/dev/null" for name, command in commands.items())
    parts = re.split(r"^#(\w+)\n", adb.shell(f"{text}; true").replace("\r\n", "\n"), flags=re.MULTILINE)
    told = {name: text.strip() for name, text in zip(parts[1::2], parts[2::2], strict=True)}
    return dict.fromkeys(commands, "") | told


def _fields(text: str) -> dict[str, str]:
    """Return the values of lines such as ``Features : asimd``; the last of each name."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name.strip(): value.strip() for name, _, value in lines}


def _cores(told: Mapping[str, str]) -> tuple[int, int]:
    """Return how many CPUs it has, and how many of them a process of its shell may use."""
    listed = len(re.findall(r"^processor\s*:", told["cpuinfo"], re.MULTILINE))
    usable = int(told["nproc"]) if told["nproc"].isdigit() else max(1, listed)
    return max(listed, usable), usable


def _kilobytes(text: str, name: str) -> int:
    """Return the bytes of a line such as ``MemTotal:  1234 kB``; 0 if there is none."""
    found = _numbers(_fields(text).get(name, ""))
    return int(found[0]) * 1024 if found else 0


def _numbers(text: str) -> list[float]:
    return [float(word) for word in text.split() if re.fullmatch(r"-?\d+(\.\d+)?", word)]
