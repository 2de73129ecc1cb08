"""The memory pass: the memory of a process that loads a program and runs it once."""

from __future__ import annotations

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

import psutil

from etbench.measure.pass_results import Memory
from etbench.runtime.program import load, read_batches

__all__ = ["measure_memory"]

PROC = Path("/proc/self")


def measure_memory(folder: Path, threads: int, executor: str | None = None) -> Memory:
    """Load the program, run it once and return the memory that this took.

    Nothing is sampled meanwhile: the peak is the kernel's own high-water mark, which is reset just before.

    Raises:
        EtbenchError: of stage ``load_program`` if the runtime refuses it.

    """
    inputs = read_batches(folder, executor)[0][0]
    _give_back_free_memory()
    _forget_peak()
    baseline, dirty_before = psutil.Process().memory_info().rss, _private_dirty_bytes()
    method = load(folder, threads, executor)  # kept until all is read: its memory is freed with it
    method.call(inputs, clone_outputs=False)
    dirty, peak = _private_dirty_bytes(), max(_peak_rss_bytes(), baseline)
    return Memory(
        baseline_bytes=baseline,
        peak_bytes=peak,
        peak_over_baseline_bytes=peak - baseline,
        private_dirty_bytes=dirty - dirty_before if dirty is not None and dirty_before is not None else None,
    )


def _give_back_free_memory() -> None:
    """Return the free memory of glibc's allocator to the system, so that using it again is counted."""
    if sys.platform == "linux" and hasattr(libc := ctypes.CDLL(None), "malloc_trim"):
        libc.malloc_trim(0)


def _forget_peak() -> None:
    """Reset the high-water mark to what is resident now, if Linux allows that."""
    with contextlib.suppress(OSError):
        (PROC / "clear_refs").write_text("5")


def _peak_rss_bytes() -> int:
    """Return the high-water mark of resident memory; on systems other than Linux, since the start."""
    peak = _kilobytes(PROC / "status", "VmHWM:")
    if peak is not None:
        return peak
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _private_dirty_bytes() -> int | None:
    """Return the memory that only this process has and no file backs; None if the system is not Linux."""
    return _kilobytes(PROC / "smaps_rollup", "Private_Dirty:")


def _kilobytes(file: Path, key: str) -> int | None:
    """Return the bytes in a line such as ``VmHWM:  1234 kB``."""
    with contextlib.suppress(OSError):
        for line in file.read_text().splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
    return None
