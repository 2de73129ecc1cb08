"""The limits that Linux sets to this process through control groups: of a container, a service or a user.

A group's own limit counts, and that of every group above it; the smallest one is in force. Both versions are
read where the system has mounted them: version 2 has one tree, version 1 one for each controller.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import TypeVar

__all__ = ["cpu_limit", "memory_left_bytes", "memory_limit_bytes"]

PROC = Path("/proc/self")
UNLIMITED_BYTES = 2**60  # version 1 writes a huge number instead of "max"
T = TypeVar("T", int, float)


def cpu_limit() -> float | None:
    """Return how many CPUs this process may use at once; None if no group has a limit."""
    return min(_found("cpu", _cpus_v2, _cpus_v1), default=None)


def memory_limit_bytes() -> int | None:
    """Return how much memory the smallest group around this process may use; None if none has a limit."""
    limits = _found("memory", lambda group: _number(group / "memory.max"), _memory_v1)
    return min(limits, default=None)


def memory_left_bytes() -> int | None:
    """Return how much memory the groups around this process leave to it; None if none has a limit.

    What a group uses for cached files that were not read lately is free.
    """
    return min(_found("memory", _left_v2, _left_v1), default=None)


def _found(
    controller: str, version_2: Callable[[Path], T | None], version_1: Callable[[Path], T | None]
) -> list[T]:
    """Return what the groups of this process have, read by the function for their version."""
    values = []
    for folder, unified in _groups(controller):
        with suppress(OSError, ValueError, IndexError):  # no such file, or the word "max"
            value = (version_2 if unified else version_1)(folder)
            if value is not None:
                values.append(value)
    return values


def _groups(controller: str) -> Iterator[tuple[Path, bool]]:
    """Yield the folders of the groups that this process is in, upwards, and whether they are of version 2."""
    try:
        lines = (PROC / "cgroup").read_text().splitlines()
        mounts = [_Mount(line) for line in (PROC / "mountinfo").read_text().splitlines()]
    except OSError:  # not Linux
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        unified = not controllers
        if not unified and controller not in controllers.split(","):
            continue
        found = [mount for mount in mounts if mount.has(None if unified else controller)]
        found.sort(key=lambda mount: not mount.shows(path))
        for mount in found[:1]:
            for folder in mount.upwards(path):
                yield folder, unified


class _Mount:
    """One line of ``/proc/self/mountinfo``; see proc_pid_mountinfo(5)."""

    def __init__(self, line: str) -> None:
        before, _, after = line.partition(" - ")
        fields, more = before.split(), after.split()
        self.root = PurePosixPath(_unescaped(fields[3]))
        self.point = Path(_unescaped(fields[4]))
        self._type = more[0]
        self._options = more[-1].split(",")

    def has(self, controller: str | None) -> bool:
        """Return whether it is the tree of a controller of version 1 or, for None, that of version 2."""
        if controller is None:
            return self._type == "cgroup2"
        return self._type == "cgroup" and controller in self._options

    def shows(self, path: str) -> bool:
        """Return whether a group is below the one that is mounted here."""
        return PurePosixPath(path).is_relative_to(self.root) and ".." not in PurePosixPath(path).parts

    def upwards(self, path: str) -> list[Path]:
        """Return the folders of a group and of those above it, as far as this mount shows them."""
        below = PurePosixPath(path).relative_to(self.root) if self.shows(path) else PurePosixPath()
        return [self.point / folder for folder in (below, *below.parents)]


def _unescaped(text: str) -> str:
    return re.sub(r"\\([0-7]{3})", lambda found: chr(int(found[1], 8)), text)


def _cpus_v2(group: Path) -> float:
    quota, period = (group / "cpu.max").read_text().split()
    return int(quota) / int(period)


def _cpus_v1(group: Path) -> float | None:
    quota = _number(group / "cpu.cfs_quota_us")
    return quota / _number(group / "cpu.cfs_period_us") if quota > 0 else None  # -1: no limit


def _memory_v1(group: Path) -> int | None:
    limit = _number(group / "memory.limit_in_bytes")
    return limit if limit < UNLIMITED_BYTES else None


def _left_v2(group: Path) -> int:
    limit, used = _number(group / "memory.max"), _number(group / "memory.current")
    return limit - used + _counts(group).get("inactive_file", 0)


def _left_v1(group: Path) -> int | None:
    limit = _memory_v1(group)
    if limit is None:
        return None
    used = _number(group / "memory.usage_in_bytes")
    return limit - used + _counts(group).get("total_inactive_file", 0)


def _counts(group: Path) -> dict[str, int]:
    """Return the counts of a group's ``memory.stat``; none if it cannot be read."""
    with suppress(OSError, ValueError):
        lines = (group / "memory.stat").read_text().splitlines()
        return {name: int(count) for name, count in (line.split() for line in lines)}
    return {}


def _number(file: Path) -> int:
    return int(file.read_text())
