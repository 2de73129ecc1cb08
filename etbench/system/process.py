"""Child processes that build or measure: they read requests as JSON, and write events and answers.

The work of a cell that is heavy or may crash (torch, the ExecuTorch runtime) runs in children, so that a
crash becomes a result, and all their output, including that of C++, goes to the log file.
"""

from __future__ import annotations

import contextlib
import math
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.events import Event, OnEvent
from etbench.system.exits import exit_description, status_from_shell
from etbench.system.interpreters import command_of
from etbench.system.lines import Lines
from etbench.system.messages import Answer, Failed, Message, Part, Request, encoded
from etbench.system.orphans import MARK, end_descendants, end_marked
from etbench.system.printed import adding_printed

__all__ = ["Worker", "worker"]

T = TypeVar("T")


class Worker:
    """A child process that answers one request after another.

    Only the thread that creates it may ask it: Linux ends a child whose `die_with_parent` is set when
    the *thread* that started it ends.

    Args:
        module: a module whose ``__main__`` part calls `etbench.system.channel.serve`.
        scratch: the child's folder for temporary files (torch leaves some behind); the caller removes it.
        log: the file for the child's output, until a request names another file.
        env: variables in addition to those of this process.
        command: replaces this interpreter with the module, for example on another machine, whose shell may
            print something first; that goes to the log.
        python: another interpreter of this host, which runs the module.

    """

    def __init__(
        self,
        module: str,
        *,
        scratch: Path,
        log: Path,
        env: Mapping[str, str] | None = None,
        command: Sequence[str] | None = None,
        python: str | None = None,
    ) -> None:
        self.module, self.python = module, python
        self._mark = uuid.uuid4().hex
        with log.open("ab") as chatter:
            self._child = subprocess.Popen(
                command or command_of(module, python=python),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=chatter,
                env={**os.environ, "TMPDIR": str(scratch), MARK: self._mark, **(env or {})},
                start_new_session=True,
            )
        assert self._child.stdout is not None
        self._lines = Lines(self._child.stdout.fileno(), lambda: not self.alive)
        self._in_shell = self._shell_talks = command is not None
        self._asked = 0

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self._child.poll() is None

    @property
    def pid(self) -> int:
        """The process id, which is also that of its group."""
        return self._child.pid

    def ask(
        self,
        request: Struct,
        reply: type[T],
        *,
        log: Path,
        on_event: OnEvent,
        on_part: Callable[[msgspec.Raw], None] | None = None,
        timeout_s: float | None = None,
        silence_s: float | None = None,
        stage: str = "start",
    ) -> T:
        """Send a request and return its reply.

        Args:
            request: goes to the child's standard input as a line of JSON.
            reply: the type of the answer.
            log: named in hints; the child and the shell that starts it write to it. Errors
                contain what the runtime printed to it.
            on_event: is called with each event of the child as it comes.
            on_part: is called with each part of the answer that comes before its end.
            timeout_s: the child is killed if it takes longer.
            silence_s: the child is killed if it sends no message for longer.
            stage: named in errors until the child names one.

        Raises:
            EtbenchError: what the child reported, or how it ended if it could not report.

        """
        with adding_printed(log):
            return self._answer(request, reply, log, on_event, on_part, timeout_s, silence_s, stage)

    def _answer(
        self,
        request: Struct,
        reply: type[T],
        log: Path,
        on_event: OnEvent,
        on_part: Callable[[msgspec.Raw], None] | None,
        timeout_s: float | None,
        silence_s: float | None,
        stage: str,
    ) -> T:
        decoder = msgspec.json.Decoder(Message)
        self._asked += 1
        body = encoded(request, f"the request to {self._name}", stage)
        self.send_line(msgspec.json.encode(Request(number=self._asked, body=body)))
        deadline = None if timeout_s is None else time.monotonic() + timeout_s
        while True:
            left = None if deadline is None else deadline - time.monotonic()
            waits = [seconds for seconds in (left, silence_s) if seconds is not None]
            try:
                line = self._lines.next(min(waits, default=math.inf))
            except TimeoutError:
                self.close()
                raise self._timed_out(stage, timeout_s, silence_s) from None
            if line is None:
                break
            try:
                message: Message = decoder.decode(line)
            except msgspec.DecodeError as error:
                if self._shell_talks:
                    with log.open("ab") as chatter:
                        chatter.write(line + b"\n")
                    continue
                self.close()
                raise EtbenchError(
                    f"the child process wrote {line[:80]!r}, which is not a message", stage=stage
                ) from error
            self._shell_talks = False
            if isinstance(message, Part | Answer | Failed) and not self._is_asked(message):
                self.close()
                raise EtbenchError(
                    f"the child process answered request {message.request} instead of {self._asked}",
                    stage=stage,
                    kind="Garbage",
                )
            match message:
                case Event():
                    stage = message.stage or stage
                    on_event(message)
                case Part():
                    assert on_part is not None
                    on_part(message.body)
                case Failed() | Answer():
                    return self._received(message, reply, stage)
        code = status_from_shell(self._child.wait()) if self._in_shell else self._child.wait()
        raise EtbenchError(
            f"the process of {self._name} {exit_description(code)} during this stage",
            stage=stage,
            kind="ProcessDied",
            hint=_death_hint(code, log),
            exit_status=code,
        )

    def _is_asked(self, message: Part | Answer | Failed) -> bool:
        """Return whether a message belongs to the last request; a child may fail before it has read one."""
        return message.request == self._asked or (isinstance(message, Failed) and message.request is None)

    def _received(self, message: Failed | Answer, reply: type[T], stage: str) -> T:
        """Return the reply or raise the error that a message has, and end a process that would not go on."""
        if message.ends:
            self.close()
        if isinstance(message, Failed):
            raise message.error()
        try:
            return msgspec.json.decode(message.body, type=reply)
        except msgspec.MsgspecError as error:
            self.close()
            raise EtbenchError(
                f"the child process answered {bytes(message.body)[:80]!r}, which is not a reply: {error}",
                stage=stage,
                kind="Garbage",
            ) from error

    def send_line(self, line: bytes) -> None:
        """Write a line to the child's standard input; the line is lost if the child is gone."""
        assert self._child.stdin is not None
        with contextlib.suppress(BrokenPipeError, ValueError):  # closed at the other end, or at this one
            self._child.stdin.write(line + b"\n")
            self._child.stdin.flush()

    def kill(self) -> None:
        """Kill the process and everything it has started; may be called from any thread."""
        if self._child.returncode is None:
            end_descendants(self._child.pid)
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.killpg(self._child.pid, signal.SIGKILL)

    def close(self) -> None:
        """Kill the process and everything it has started, and free its resources here."""
        self.kill()
        with contextlib.suppress(BrokenPipeError):
            self._child.__exit__(None, None, None)  # closes the pipes and reaps it
        if not self._in_shell:  # what a client such as ssh leaves, is shared with other programs
            end_marked(self._mark)  # left by a process that ended by itself

    @property
    def _name(self) -> str:
        return self.module.rsplit(".", 1)[0]

    def _timed_out(self, stage: str, timeout_s: float | None, silence_s: float | None) -> EtbenchError:
        if timeout_s is None:
            words = f"sent no message for {silence_s:g} s"
            hint = "a slow process sends messages: does it hang, or the machine or the connection to it?"
        else:
            words = f"gave no answer within {timeout_s:g} s"
            hint = "raise build.timeout_s if it is slow rather than hanging"
        return EtbenchError(
            f"the process of {self._name} {words} and was killed", stage=stage, kind="Timeout", hint=hint
        )


@contextlib.contextmanager
def worker(module: str, *, scratch: Path, log: Path, python: str | None = None) -> Iterator[Worker]:
    """Provide a `Worker`, and kill everything that it has started at the end, also after an error."""
    child = Worker(module, scratch=scratch, log=log, python=python)
    try:
        yield child
    finally:
        child.close()


def _death_hint(code: int, log: Path) -> str:
    if code == -signal.SIGKILL:
        return (
            "often by the kernel, since the system ran out of memory: see `dmesg` and the log "
            f"{log}; sweep.resume runs the cell again"
        )
    return f"see the end of the log: {log}"
