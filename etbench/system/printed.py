"""What a child process printed about its failure: lines of the runtime, of a delegate, or of a crash."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from etbench.errors import EtbenchError

__all__ = ["adding_printed", "log_or_stderr", "runtime_lines"]

MOST_BYTES = 2**18
MOST_LINES = 12
# ExecuTorch's log: `[method.cpp:123] text`, or `E 00:00:00.000123 executorch:method.cpp:123] text`.
LOGGED = re.compile(
    r"^(?:\[|(?P<level>[DIEF]) [\d:.]+ executorch:)"
    r"(?P<place>[\w.+-]+\.(?:cpp|cc|c|hpp|h)):\d+\] (?P<text>.+)$"
)
# What the C and C++ libraries and Python print when a process is about to die.
CRASH = re.compile(
    r"^(?:terminate called|\s*what\(\):|Fatal Python error|free\(\)|malloc|corrupted |double free"
    r"|.*(?:bad_alloc|Assertion .*failed|out of memory|Cannot allocate memory))"
)
# Printed by healthy programs as well, or as a part of what was said in the line before.
HARMLESS = re.compile(
    r"cpuinfo_utils\.cpp|threadpool\.cpp|InternalConsistency verification requested"
    r"|operator_registry\.cpp:\d+\] (?:dtype: |\d+,|\])"
)


@contextmanager
def adding_printed(log: str | Path) -> Iterator[None]:
    """Add to an `EtbenchError` of the body the lines that were printed about it to a log meanwhile.

    Args:
        log: the file that the process of the body prints to; empty if there is none.

    """
    path = Path(log) if str(log) else None
    start = _size(path)
    try:
        yield
    except EtbenchError as error:
        if path is not None and not error.log:
            error.log = runtime_lines(_appended(path, start))
        raise


@contextmanager
def log_or_stderr(log: str) -> Iterator[str]:
    """Yield the file of a log; without one, another file, which goes to standard error at the end."""
    if log:
        yield log
        return
    with tempfile.NamedTemporaryFile() as file:
        try:
            yield file.name
        finally:
            os.write(2, Path(file.name).read_bytes())


def runtime_lines(text: str) -> tuple[str, ...]:
    """Return the lines in which the runtime, a delegate or a crash names what went wrong, the cause first."""
    lines: dict[str, None] = {}  # a set that keeps its order
    for line in text.splitlines():
        if HARMLESS.search(line):
            continue
        if found := LOGGED.match(line):
            if found["level"] not in ("D", "I"):
                lines[f"{found['place']}: {found['text'].strip()}"] = None
        elif CRASH.match(line):
            lines[line.strip()] = None
    return tuple(lines)[:MOST_LINES]


def _size(path: Path | None) -> int:
    with suppress(OSError):
        return path.stat().st_size if path is not None else 0
    return 0


def _appended(path: Path, start: int) -> str:
    """Return the last part of what was appended to a file since it had this size."""
    with suppress(OSError), path.open("rb") as file:
        file.seek(max(start, _size(path) - MOST_BYTES))
        return file.read().decode("utf-8", "replace")
    return ""
