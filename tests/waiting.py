"""Wait for what happens in other processes, and see what is left of them."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path
from typing import Any

import psutil


def alive(process: psutil.Process) -> bool:
    """Tell whether a process is still there, and not only its name."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_for(condition: Any, timeout: float = 600) -> Any:
    """Poll until the condition holds and return what it returned."""
    deadline = time.monotonic() + timeout
    while (began := time.monotonic()) < deadline:
        if found := condition():
            return found
        time.sleep(max(0.02, 5 * (time.monotonic() - began)))  # some read a long log
    raise AssertionError(f"{condition} did not hold within {timeout} s")


def descendants(process: subprocess.Popen[str]) -> list[psutil.Process]:
    try:
        return psutil.Process(process.pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def leftovers(*folders: Path) -> list[Path]:
    """List what no run may leave behind in these folders: temporary files and parts of files."""
    found = [path for folder in folders for path in folder.rglob("*")]
    return [path for path in found if path.name.startswith("etbench-") or path.suffix == ".tmp"]
