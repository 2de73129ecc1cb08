"""Wait for the answer of a fresh process, with reports of its progress and a time limit."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import msgspec
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.system.exits import exit_description
from etbench.system.lines import Lines
from etbench.system.messages import Answer, Failed, Message, Said

__all__ = ["Supervision", "answer_from"]

HEARTBEAT_S = 15.0
T = TypeVar("T", bound=Struct)


@dataclass(frozen=True)
class Supervision:
    """The settings of a task, however and wherever its process is started.

    Errors name the `stage`. `waiting` is called every 15 s without a message, with the seconds spent so far;
    `tell` receives a line about slow progress. The process is killed if it takes longer than `timeout_s`. Its
    output goes to the file `log` or, without one, to the standard error of this process.
    """

    stage: str
    waiting: Callable[[float], None]
    tell: Callable[[str], None]
    timeout_s: float = math.inf
    log: str = ""

    def late(self) -> EtbenchError:
        """Return the error of a process that was killed for taking too long."""
        return EtbenchError(
            f"a round or check took longer than {self.timeout_s:g} s and was killed",
            stage=self.stage,
            kind="Timeout",
            hint="raise measure.timeout_s if it is slow rather than hanging",
        )

    def garbage(self, written: bytes) -> EtbenchError:
        """Return the error of a process that wrote something other than an answer."""
        return EtbenchError(
            f"the process of a round wrote {written[:80]!r}, which is not an answer",
            stage=self.stage,
            kind="Garbage",
        )

    def died(self, exit_status: int) -> EtbenchError:
        """Return the error of a process that ended without an answer."""
        return EtbenchError(
            f"the process of a round {exit_description(exit_status)}",
            stage=self.stage,
            kind="ProcessDied",
            hint="see the end of the log; the kernel kills a process without a message when memory runs out",
            exit_status=exit_status,
        )


def answer_from(
    pipe: int, answer: type[T], supervision: Supervision, is_gone: Callable[[], bool]
) -> T | None:
    """Read a pipe to its end, which comes when the process has answered or died, and return the answer.

    Args:
        pipe: its descriptor.
        answer: the type of the answer.
        supervision: sets the time limit, and receives reports of progress.
        is_gone: returns whether the process has ended, see `Lines`.

    Returns:
        The answer, or None if there is none.

    Raises:
        TimeoutError: if the end does not come in time.
        EtbenchError: what the process reported, or that it wrote something other than an answer.

    """
    # Seldom, since looking at it takes time from what it measures.
    lines, begun = Lines(pipe, is_gone, look_every_s=HEARTBEAT_S), time.monotonic()
    decoder = msgspec.json.Decoder(Message)
    last: Message | None = None
    while True:
        left = begun + supervision.timeout_s - time.monotonic()
        if left <= 0:
            raise TimeoutError
        try:
            line = lines.next(min(HEARTBEAT_S, left))
        except TimeoutError:
            supervision.waiting(time.monotonic() - begun)
            continue
        if line is None:
            break
        try:
            last = decoder.decode(line)
        except msgspec.DecodeError as error:
            raise supervision.garbage(line) from error
        if isinstance(last, Said):
            supervision.tell(last.text)
    if isinstance(last, Failed):
        raise last.error()
    if not isinstance(last, Answer):
        return None
    try:
        return msgspec.json.decode(last.body, type=answer)
    except msgspec.DecodeError as error:
        raise supervision.garbage(bytes(last.body)) from error
