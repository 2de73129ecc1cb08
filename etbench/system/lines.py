"""Read a pipe line by line, each with a limit for how long to wait."""

from __future__ import annotations

import os
import select
import time

__all__ = ["Lines"]


class Lines:
    """The lines of a pipe, each with a limit for how long to wait."""

    def __init__(self, fd: int) -> None:
        self._fd = fd
        self._buffer = bytearray()

    def next(self, timeout_s: float | None) -> bytes | None:
        """Return the next line without its end, or None when there are no more.

        Raises:
            TimeoutError: if nothing came in this time.

        """
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while (end := self._buffer.find(b"\n")) < 0:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            if not select.select([self._fd], [], [], left)[0]:
                raise TimeoutError
            part = os.read(self._fd, 1 << 16)
            if not part:
                return None
            self._buffer += part
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
