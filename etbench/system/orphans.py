"""The processes that a child leaves behind, such as a daemon in a session of its own: they end with it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import time
from dataclasses import dataclass

import psutil

__all__ = ["MARK", "adopt_orphans", "end_descendants", "end_marked", "end_orphans"]

MARK = "ETBENCH_CHILD"  # environment variable: processes inherit it from the child that started them
PASSES = 50  # a process that is being killed may have started another one meanwhile
PAUSE_S = 0.01  # until those that were killed are gone


@dataclass
class _Adoption:
    on: bool = False


_adoption = _Adoption()


def adopt_orphans() -> None:
    """Make this process the parent of every descendant whose own parent ends; only Linux can do so.

    Otherwise the first process of the system becomes their parent, and nobody knows where they came from.
    """
    if sys.platform == "linux":
        pr_set_child_subreaper = 36
        ctypes.CDLL(None).prctl(pr_set_child_subreaper, 1, 0, 0, 0)
        _adoption.on = True


def end_orphans() -> None:
    """Kill everything below this process if it adopts orphans; what it started itself must have ended."""
    if not _adoption.on:
        return
    try:
        os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
    except ChildProcessError:  # nearly always, and found out without a look at all processes
        return
    _end_all_below(psutil.Process())
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def end_descendants(pid: int) -> None:
    """Stop a process, so that it starts no other one, and kill all its descendants; it stays stopped."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        process.suspend()
        _end_all_below(process)


def end_marked(mark: str) -> None:
    """Kill all processes of this user, wherever they are, whose environment has this mark."""
    for _ in range(PASSES):
        found = [
            process
            for process in psutil.process_iter(["environ", "status"])
            if (process.info["environ"] or {}).get(MARK) == mark
            and process.info["status"] != psutil.STATUS_ZOMBIE
        ]
        if not found:
            return
        _kill(found)


def _end_all_below(process: psutil.Process) -> None:
    for _ in range(PASSES):
        family = [child for child in process.children(recursive=True) if _runs(child)]
        if not family:
            return
        _kill(family)


def _kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.kill()
    time.sleep(PAUSE_S)


def _runs(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.Error):
        return process.status() != psutil.STATUS_ZOMBIE
    return False
