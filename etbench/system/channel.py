"""Be a child process of etbench: answer on one pipe, and print to a log.

All children do it alike: the builders and the measuring process, which are asked again and again (`serve`),
and the fresh process of a round or check, which answers once.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Callable
from functools import partial
from typing import Any, NoReturn

import msgspec
from msgspec import Struct

from etbench.events import OnEvent, explained
from etbench.system.messages import Answer, Failed, Part, Request, Said

__all__ = ["Channel", "die_with_parent", "flush_printed", "print_to", "serve"]

CAME_BACK = 70  # exit status of a process that was forked while an answer was made, and went on as its parent

Handler = Callable[[Any, OnEvent, Callable[[Struct], None]], Struct]


class Channel:
    """The pipe on which this process answers; what is forked from it has no part in that.

    Args:
        pipe: its descriptor.

    """

    def __init__(self, pipe: int) -> None:
        self._owner = os.getpid()
        self._pipe = os.fdopen(pipe, "wb", buffering=0)
        if hasattr(os, "register_at_fork"):  # what is forked here, a pool's say, may outlive the answer
            os.register_at_fork(after_in_child=self._pipe.close)

    @classmethod
    def in_place_of_stdout(cls) -> Channel:
        """Answer on standard output; what anything else prints there goes to standard error, the log."""
        die_with_parent()
        pipe = os.dup(1)
        os.dup2(2, 1)
        return cls(pipe)

    def send(self, message: Struct) -> None:
        """Send a message, if this is the process that answers."""
        self._leave_if_forked()
        self._pipe.write(msgspec.json.encode(message) + b"\n")

    def say(self, text: str) -> None:
        """Send a line about slow going."""
        self.send(Said(text=text))

    def answer(
        self,
        work: Callable[[], Struct],
        *,
        stage: str,
        request: int | None = None,
        catching: type[BaseException] = BaseException,
    ) -> None:
        """Do the work and send what comes of it: the border of the process, where failures become messages.

        Args:
            work: returns the body of the answer.
            stage: named in errors that name none.
            request: the number of what is answered.
            catching: what the work may raise that is its failure rather than the end of this process.

        """
        message: Answer | Failed
        try:
            message = Answer(request=request, body=msgspec.Raw(msgspec.json.encode(work())))
        except catching as error:
            failed = Failed.of(explained(error, stage))
            message = msgspec.structs.replace(failed, request=request)
        self._leave_if_forked()  # before it prints what it has copied of its parent
        flush_printed()
        self.send(message)

    def end(self) -> NoReturn:
        """End this process at once: destructors of native libraries have crashed after the work was done."""
        flush_printed()
        os._exit(0)

    def _leave_if_forked(self) -> None:
        """End a process that was forked while an answer was made and goes on as if it was its parent."""
        if os.getpid() != self._owner:
            os.write(
                2, b"a process that was forked came back from the function that forked it; it ends here\n"
            )
            os._exit(CAME_BACK)


def serve(request_type: type[Any], handler: Handler) -> NoReturn:
    """Be the process behind a `etbench.system.process.Worker`: answer each request until the pipe ends.

    Args:
        request_type: what is asked.
        handler: gets a request, a function that tells an event, and one that sends a part of the answer.

    """
    channel = Channel.in_place_of_stdout()

    def handled(request: Request) -> Struct:
        def send_part(part: Struct) -> None:
            channel.send(Part(request=request.number, body=msgspec.Raw(msgspec.json.encode(part))))

        return handler(msgspec.json.decode(request.body, type=request_type), channel.send, send_part)

    for line in sys.stdin.buffer:
        request = msgspec.json.decode(line, type=Request)
        channel.answer(partial(handled, request), stage="start", request=request.number, catching=Exception)
    channel.end()


def print_to(log: str) -> None:
    """Append to this file from now on what this process prints, C++ included; none is standard error."""
    flush_printed()
    if not log:
        os.dup2(2, 1)
        return
    with open(log, "ab") as file:  # noqa: PTH123  only its descriptor is wanted
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def flush_printed() -> None:
    """Put into the log what `print` has kept back; a full disk or a closed stream loses that and no more."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies, even by SIGKILL; elsewhere do nothing.

    Args:
        parent: number of the parent, where it is known: it may have died before it was asked.

    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
