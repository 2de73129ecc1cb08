"""The process that draws, as its parent sees it: started when needed, ended when it takes too long."""

from __future__ import annotations

import atexit
import contextlib
import functools
import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self

from etbench.errors import EtbenchError

__all__ = ["Drawer", "Picture", "shared_drawer"]

Picture = Literal["png", "svg", "pdf"]
CHILD = Path(__file__).with_name("child.py")
PPI = 144
LIMIT_S = 60.0
MEMORY_BYTES = 4 << 30


class Drawer:
    """Draws pictures one after the other in a child process.

    vl-convert, which draws, can abort its process (on some control characters) or take minutes (for a very
    long name). Here that ends the child, and is an error of one picture; the next one gets a new child.

    Args:
        limit_s: how long a picture may take.
        memory_bytes: how much memory the child may use for its data.

    """

    def __init__(self, *, limit_s: float = LIMIT_S, memory_bytes: int = MEMORY_BYTES) -> None:
        self._limit_s = limit_s
        self._memory_bytes = memory_bytes
        self._lock = threading.Lock()
        self._child: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def draw(self, spec: dict[str, Any], form: Picture, *, name: str) -> bytes:
        """Return the picture of a specification of Vega-Lite.

        Args:
            spec: with the version of Vega-Lite in its ``$schema``.
            form: of the file.
            name: that of the chart, for the error.

        Raises:
            EtbenchError: if it cannot be drawn, or not within the limits.

        """
        request = {
            "spec": spec,
            "form": form,
            "ppi": PPI,
            "vl_version": _version(spec),
            "cpu_s": round(4 * self._limit_s) + 1,  # only for a child whose parent was killed
            "memory_bytes": self._memory_bytes,
        }
        with self._lock:
            body, why = self._answer(json.dumps(request).encode() + b"\n")
        if why:
            raise EtbenchError(f"the chart {name} cannot be drawn as {form}: {why}", stage="charts")
        return body

    def close(self) -> None:
        """End the child."""
        with self._lock:
            self._end()

    def _answer(self, request: bytes) -> tuple[bytes, str]:
        """Return the answer of the child: a picture, or why there is none."""
        child = self._started()
        assert child.stdin and child.stdout
        with _killed_after(self._limit_s, child) as late, contextlib.suppress(OSError, ValueError):
            child.stdin.write(request)
            child.stdin.flush()
            head = json.loads(child.stdout.readline())
            body = child.stdout.read(head["bytes"])
            if len(body) == head["bytes"]:
                return body, head["error"]
        status = self._end()
        if late.is_set():
            return b"", f"it took longer than {self._limit_s:g} s"
        return b"", f"the process that draws {_ended(status)}"

    def _started(self) -> subprocess.Popen[bytes]:
        if self._child is None or self._child.poll() is not None:
            self._end()
            self._child = subprocess.Popen(
                [sys.executable, "-P", str(CHILD)],  # no code from the current folder
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
        return self._child

    def _end(self) -> int:
        """End the child and return its exit status."""
        child, self._child = self._child, None
        if child is None:
            return 0
        assert child.stdin and child.stdout
        for pipe in (child.stdin, child.stdout):
            with contextlib.suppress(OSError):  # what the child has not read yet
                pipe.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(timeout=5)
        child.kill()
        return child.wait()


@functools.cache
def shared_drawer() -> Drawer:
    """Return the drawer of this process, for a server that draws now and then."""
    drawer = Drawer()
    atexit.register(drawer.close)
    return drawer


@contextlib.contextmanager
def _killed_after(limit_s: float, child: subprocess.Popen[bytes]) -> Iterator[threading.Event]:
    """Kill a child if the block takes longer; the event is set if that has happened."""
    late = threading.Event()

    def kill() -> None:
        late.set()
        child.kill()

    timer = threading.Timer(limit_s, kill)
    timer.daemon = True
    timer.start()
    try:
        yield late
    finally:
        timer.cancel()


def _version(spec: dict[str, Any]) -> str:
    """Return the version of Vega-Lite that a specification is written in, such as ``6.1``."""
    major, minor = str(spec["$schema"]).rpartition("/v")[2].split(".")[:2]
    return f"{major}.{minor}"


def _ended(status: int) -> str:
    if status >= 0:
        return f"ended with status {status}"
    with contextlib.suppress(ValueError):
        return f"was ended by {signal.Signals(-status).name}"
    return f"was ended by signal {-status}"
