"""Child processes that build or measure: a request goes in as JSON, events and one reply come out.

The heavy and dangerous work of a cell (torch, the ExecuTorch runtime) happens in children, so that a
crash there is a result here, and what they print at any level, C++ included, goes to the log file.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import Event, OnEvent, explained

__all__ = ["Failure", "call", "die_with_parent", "exit_description", "serve"]


class Reply(Struct, frozen=True, tag="reply", tag_field="message_type"):
    """The answer to the request; the last message of a child that succeeded."""

    body: msgspec.Raw


class Failure(Struct, frozen=True, tag="failure", tag_field="message_type"):
    """Why there is no answer; the last message of a child that failed in an orderly way."""

    stage: str
    message: str
    hint: str
    kind: str
    traceback: str

    @classmethod
    def of(cls, error: EtbenchError) -> Failure:
        """Take down an error so that it can travel."""
        return cls(error.stage, error.message, error.hint, error.kind, error.traceback)

    def error(self) -> EtbenchError:
        """Return the error that was taken down."""
        return EtbenchError(
            self.message, stage=self.stage, hint=self.hint, kind=self.kind, traceback=self.traceback
        )


Message = Event | Reply | Failure
T = TypeVar("T")


def call(module: str, request: Struct, reply: type[T], *, scratch: Path, log: Path, on_event: OnEvent) -> T:
    """Run ``python -m module`` with the request and return its reply.

    Args:
        module: a module whose ``__main__`` part calls `serve`.
        request: goes to the child's standard input as JSON.
        reply: the type of the answer.
        scratch: the child's folder for temporary files (torch leaves some behind); the caller removes it.
        log: gets everything that the child prints, appended.
        on_event: is called with each event of the child as it comes.

    Raises:
        EtbenchError: what the child reported, or how it ended where it could not report.

    """
    decoder = msgspec.json.Decoder(Message)
    stage, answer = "start", None
    with log.open("ab") as chatter, _child(module, scratch, chatter) as child:
        assert child.stdin is not None and child.stdout is not None
        with contextlib.suppress(BrokenPipeError), child.stdin:
            child.stdin.write(msgspec.json.encode(request))
        for line in child.stdout:
            try:
                message: Message = decoder.decode(line)
            except msgspec.DecodeError as error:
                raise EtbenchError(
                    f"the child process wrote {line[:80]!r}, which is no message", stage=stage
                ) from error
            if isinstance(message, Event):
                stage = message.stage or stage
                on_event(message)
            elif isinstance(message, Failure):
                raise message.error()
            else:
                answer = msgspec.json.decode(message.body, type=reply)
        code = child.wait()
    if answer is None:
        raise EtbenchError(
            f"the process of {module.rsplit('.', 1)[0]} {exit_description(code)} during this stage",
            stage=stage,
            kind="ProcessDied",
            hint=_death_hint(code, log),
        )
    return answer


@contextlib.contextmanager
def _child(module: str, scratch: Path, chatter: Any) -> Iterator[subprocess.Popen[bytes]]:
    """Start the child in a session of its own; whatever happens, nothing of it is left running."""
    with subprocess.Popen(
        [sys.executable, "-m", module],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=chatter,
        env=os.environ | {"TMPDIR": str(scratch)},
        start_new_session=True,
    ) as child:
        try:
            yield child
        finally:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(child.pid, signal.SIGKILL)


def serve(request_type: type[Any], handler: Callable[[Any, OnEvent], Struct]) -> NoReturn:
    """Be the child of `call`: read a request, handle it, answer, exit.

    Standard output is kept for the messages; what anything else prints there goes to standard error,
    which is the log file.
    """
    die_with_parent()
    channel = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)

    def send(message: Message) -> None:
        channel.write(msgspec.json.encode(message) + b"\n")

    try:
        request = msgspec.json.decode(sys.stdin.buffer.read(), type=request_type)
        answer = handler(request, send)
    except Exception as error:  # the border of the process: every failure becomes a message
        send(Failure.of(explained(error, "start")))
        code = 1
    else:
        send(Reply(msgspec.Raw(msgspec.json.encode(answer))))
        code = 0
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # destructors of native libraries have crashed here, after the work was done


def die_with_parent() -> None:
    """Ask Linux to kill this process when its parent dies, even by SIGKILL; elsewhere do nothing."""
    if sys.platform == "linux":
        pr_set_pdeathsig = 1
        ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def exit_description(code: int) -> str:
    """Say in words how a process ended: ``was killed by SIGKILL`` or ``exited with status 3``."""
    if code < 0:
        return f"was killed by {signal.Signals(-code).name}"
    return f"exited with status {code}"


def _death_hint(code: int, log: Path) -> str:
    if code == -signal.SIGKILL:
        return f"often the kernel, out of memory: see `dmesg`, and the log {log}"
    return f"the log has its last words: {log}"
