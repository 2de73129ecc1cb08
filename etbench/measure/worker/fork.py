"""Run a function in a forked process and return its answer; report how the process ended if it has none."""

from __future__ import annotations

import gc
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import NoReturn, TypeVar

from msgspec import Struct

from etbench.measure.worker.supervision import Supervision, answer_from
from etbench.system.channel import Channel, die_with_parent, print_to

__all__ = ["in_fork", "inherited"]

T = TypeVar("T", bound=Struct)
Tell = Callable[[str], None]


@contextmanager
def inherited() -> Iterator[None]:
    """Import, inside this context, what every fork of this process is to have already.

    Everything that an import creates is kept, so the collector does not run meanwhile, and leaves it alone
    afterwards: else each fork visits, and so copies, 100 MB of imported objects.
    """
    gc.disable()
    try:
        yield
        gc.collect()
        gc.freeze()
    finally:
        gc.enable()


def in_fork(function: Callable[[Tell], T], answer: type[T], supervision: Supervision) -> T:
    """Call the function in a fork of this process and return its answer.

    The caller must not have started a thread pool: threads do not survive a fork.

    Args:
        function: the work; it may use everything that this process has imported. Its argument is a function
            that reports slow progress.
        answer: the type it returns.
        supervision: its stage, time limit and log.

    Raises:
        EtbenchError: what the function raised, the signal that killed its process, or that it took too long.

    """
    read_end, write_end = os.pipe()
    parent, child = os.getpid(), os.fork()
    if child == 0:
        die_with_parent(parent)
        os.close(read_end)
        _be_the_child(function, write_end, supervision)
    os.close(write_end)
    try:
        found = answer_from(read_end, answer, supervision, partial(_is_gone, child))
    except BaseException as error:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
        if isinstance(error, TimeoutError):
            raise supervision.late() from None
        raise
    finally:
        os.close(read_end)
    _, status = os.waitpid(child, 0)
    if found is None:
        raise supervision.died(os.waitstatus_to_exitcode(status))
    return found


def _is_gone(child: int) -> bool:
    """Return whether a child has ended, which is still to be waited for; macOS does not show it before."""
    if not hasattr(os, "waitid"):
        return False
    return os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


def _be_the_child(function: Callable[[Tell], Struct], pipe: int, supervision: Supervision) -> NoReturn:
    channel = Channel(pipe)

    def work() -> Struct:
        print_to(supervision.log)
        return function(channel.say)

    channel.answer(work, stage=supervision.stage)
    channel.end()  # closes the pipe only now: a child that hangs before reaches the time limit
