"""The process on another machine that holds its lock, runs its worker, and ends with the connection.

Its standard input and output are those of the worker, which it starts once it has the lock. The connection is
lost if the input ends, or is silent for too long: the other end sends an empty line every few seconds.
"""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
import threading
from functools import partial

from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.host.measuring_lock import WAITING, measuring_lock
from etbench.system.channel import Channel
from etbench.system.exits import SIGNALS_FROM
from etbench.system.messages import Failed

__all__ = ["BEAT_S", "WORKER"]

WORKER = "etbench.measure.worker.main"
BEAT_S = 5.0  # between two heartbeats
SILENCE_S = 6 * BEAT_S
LOST = 3  # exit status after a lost connection

_WAITS = Event(kind="progress", stage="time", message=WAITING.format("that machine"))


def main() -> None:
    """Wait for the lock of this machine, then run the worker until either end closes."""
    channel = Channel(os.dup(1))
    requests, inlet = os.pipe()
    ending = _Ending()
    threading.Thread(target=_pass_on, args=(inlet, ending), daemon=True).start()
    with contextlib.ExitStack() as turn:
        try:
            turn.enter_context(measuring_lock(partial(channel.send, _WAITS)))
        except EtbenchError as error:
            channel.send(Failed.of(error))
            os._exit(1)
        child = subprocess.Popen([sys.executable, "-m", WORKER], stdin=requests, start_new_session=True)
        ending.group = child.pid
        os.close(requests)
        code = child.wait()
    os._exit(code if code >= 0 else SIGNALS_FROM - code)  # as a shell reports it


class _Ending:
    """The processes to kill when the connection is lost."""

    group: int | None = None

    def now(self) -> None:
        """Kill the worker and everything it started, and exit."""
        if self.group is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.group, signal.SIGKILL)
        os._exit(LOST)


def _pass_on(inlet: int, ending: _Ending) -> None:
    """Pass the lines that come in to the worker, except for the heartbeats."""
    buffer = b""
    while select.select([0], [], [], SILENCE_S)[0] and (part := os.read(0, 1 << 16)):
        *lines, buffer = (buffer + part).split(b"\n")
        for line in filter(None, lines):
            with contextlib.suppress(BrokenPipeError):
                os.write(inlet, line + b"\n")
    ending.now()


if __name__ == "__main__":
    main()
