"""Facts about an Android device that a measurement depends on, read through its shell."""

from __future__ import annotations

from collections.abc import Sequence

from etbench.host.adb import Adb
from etbench.host.environment import Environment, vector_extensions
from etbench.host.shell import ask
from etbench.host.shell_facts import CORES, CPU, MEMORY, cores, fields, kilobytes, numbers

__all__ = ["phone_environment"]

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


def phone_environment(adb: Adb, *, threads: int, runtimes: Sequence[str]) -> Environment:
    """Return the current facts about the device; the arguments come from the runner.

    A core of a phone is one logical CPU. It has no Python, and the runner does not report its version of
    ExecuTorch.
    """
    told = ask(adb, FACTS)
    facts = fields(told["cpuinfo"])
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
        physical_cores=cores(told)[0],
        logical_cores=cores(told)[0],
        available_cores=cores(told)[1],
        memory_bytes=kilobytes(told["meminfo"], "MemTotal"),
        python="none",
        libraries={},
        runtimes=list(runtimes),
        threads=threads,
        runner="native",
        load_average=numbers(told["loadavg"])[:3],
    )
