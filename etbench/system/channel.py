"""Run as a child process of etbench: answer on one pipe, and print to a log.

All children use this: the builders and the measuring process, which answer many requests (`serve`), and the
fresh process of a round or check, which answers once.
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
from etbench.system.messages import Answer, Failed, Part, Request, Said, encoded
from etbench.system.orphans import adopt_orphans
from etbench.system.strict_json import encode_json

__all__ = ["Channel", "die_with_parent", "flush_printed", "print_to", "serve"]

CAME_BACK = 70  # exit status of a forked process that returned as if it were its parent

Handler = Callable[[Any, OnEvent, Callable[[Struct], None]], Struct]


class Channel:
    """The pipe on which this process answers; processes that are forked from it cannot use it.

    Args:
        pipe: its descriptor.

    Attributes:
        forked: whether this process was forked since, by whatever it runs.

    """

    def __init__(self, pipe: int) -> None:
        self._owner = os.getpid()
        self._pipe = os.fdopen(pipe, "wb", buffering=0)
        self.forked = False
        if hasattr(os, "register_at_fork"):  # a forked process, of a pool for example, may outlive the answer
            os.register_at_fork(after_in_child=self._pipe.close, after_in_parent=self._note_fork)

    @classmethod
    def in_place_of_stdout(cls) -> Channel:
        """Answer on standard output; what else is printed there goes to standard error, the log."""
        die_with_parent()
        pipe = os.dup(1)
        os.dup2(2, 1)
        return cls(pipe)

    def send(self, message: Struct) -> None:
        """Send a message, if this is the process that answers."""
        self._leave_if_forked()
        self._pipe.write(encode_json(message) + b"\n")

    def say(self, text: str) -> None:
        """Send a line about slow progress."""
        self.send(Said(text=text))

    def answer(
        self,
        work: Callable[[], Struct],
        *,
        stage: str,
        request: int | None = None,
        catching: type[BaseException] = BaseException,
    ) -> None:
        """Do the work and send its result; at this border of the process, failures become messages.

        Args:
            work: returns the body of the answer.
            stage: the stage of errors that do not name one.
            request: the number of the request.
            catching: exceptions that are a failure of the work; others end this process.

        """
        message: Answer | Failed
        try:
            message = Answer(body=encoded(work(), "the answer", stage))
        except catching as error:
            message = Failed.of(explained(error, stage))
        finally:
            self._leave_if_forked()  # before it prints or removes what it has copied from its parent
        flush_printed()
        self.send(msgspec.structs.replace(message, request=request, ends=self.forked))

    def end(self) -> NoReturn:
        """End this process at once: destructors of native libraries have crashed after the work was done."""
        flush_printed()
        os._exit(0)

    def _note_fork(self) -> None:
        self.forked = True

    def _leave_if_forked(self) -> None:
        """End a process that was forked during the work and continues as if it were its parent."""
        if os.getpid() != self._owner:
            os.write(2, b"a forked process returned from the function that forked it; etbench ends it here\n")
            os._exit(CAME_BACK)


def serve(request_type: type[Any], handler: Handler) -> NoReturn:
    """Run as the process of a `etbench.system.process.Worker`: answer requests until the pipe ends.

    After a request during which this process was forked, no other one is answered: the fork has copies of
    everything that is open here, and what it does with them is not known.

    Args:
        request_type: the type of the requests.
        handler: gets a request, a function that sends an event, and one that sends a part of the answer.

    """
    channel = Channel.in_place_of_stdout()
    adopt_orphans()

    def handled(request: Request) -> Struct:
        def send_part(part: Struct) -> None:
            channel.send(Part(request=request.number, body=msgspec.Raw(msgspec.json.encode(part))))

        return handler(msgspec.json.decode(request.body, type=request_type), channel.send, send_part)

    for line in sys.stdin.buffer:
        request = msgspec.json.decode(line, type=Request)
        channel.answer(partial(handled, request), stage="start", request=request.number, catching=Exception)
        if channel.forked:
            break
    channel.end()


def print_to(log: str) -> None:
    """Append all output of this process, also of C++, to this file or, if empty, to standard error."""
    flush_printed()
    if not log:
        os.dup2(2, 1)
        return
    with open(log, "ab") as file:  # noqa: PTH123  only its descriptor is wanted
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)


def flush_printed() -> None:
    """Write the buffers of `print` to the log; a full disk or a closed stream loses only these."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def die_with_parent(parent: int | None = None) -> None:
    """Ask Linux to kill this process when its parent dies, even by SIGKILL; elsewhere do nothing.

    Args:
        parent: process id of the parent, if known: it may have died before this call.

    """
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)
        if parent is not None and os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGKILL)
