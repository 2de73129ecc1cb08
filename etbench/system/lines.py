"""Read the pipe of a child line by line, each with a limit for how long to wait."""

from __future__ import annotations

import os
import select
import time
from collections.abc import Callable

__all__ = ["Lines"]


class Lines:
    """The lines of a child's pipe, each with a limit for how long to wait.

    They end with the pipe, or with the child: a fork that a library of it made also has the pipe open.

    Args:
        fd: the pipe.
        is_gone: returns whether the child has ended.
        look_every_s: how often a silent child is looked at.

    """

    def __init__(self, fd: int, is_gone: Callable[[], bool], *, look_every_s: float = 1.0) -> None:
        self._fd = fd
        self._is_gone = is_gone
        self._look_every_s = look_every_s
        self._buffer = bytearray()

    def next(self, timeout_s: float) -> bytes | None:
        """Return the next line without its end, or None when there are no more.

        Raises:
            TimeoutError: if nothing came in this time.

        """
        deadline = time.monotonic() + timeout_s
        while (end := self._buffer.find(b"\n")) < 0:
            gone, left = self._is_gone(), max(0.0, deadline - time.monotonic())
            if select.select([self._fd], [], [], 0 if gone else min(left, self._look_every_s))[0]:
                part = os.read(self._fd, 1 << 16)
                if not part:
                    return None
                self._buffer += part
            elif gone:
                return None
            elif left <= self._look_every_s:
                raise TimeoutError
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
