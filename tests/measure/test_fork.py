"""A function in a forked process: whatever becomes of it, the parent hears of it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path

import pytest
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.measure import fork
from etbench.measure.fork import in_fork

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")


class Answer(Struct):
    pid: int
    text: str


def _quiet(_seconds: float) -> None:
    pass


def test_the_answer_comes_from_another_process() -> None:
    answer = in_fork(lambda: Answer(os.getpid(), "x" * 1_000_000), Answer, stage="time", waiting=_quiet)
    assert answer.pid != os.getpid()
    assert len(answer.text) == 1_000_000


def test_what_it_raises_comes_out_with_stage_and_traceback() -> None:
    def fail() -> Answer:
        raise ZeroDivisionError("as asked")

    with pytest.raises(EtbenchError, match="as asked") as caught:
        in_fork(fail, Answer, stage="parity", waiting=_quiet)
    assert (caught.value.stage, caught.value.kind) == ("parity", "ZeroDivisionError")
    assert "in fail" in caught.value.traceback


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda s: s.name)
def test_a_signal_that_ends_it_is_named(how: signal.Signals) -> None:
    def die() -> Answer:
        os.kill(os.getpid(), how)
        raise AssertionError("unreachable")

    with pytest.raises(EtbenchError, match=f"was killed by {how.name}") as caught:
        in_fork(die, Answer, stage="time", waiting=_quiet)
    assert caught.value.kind == "ProcessDied"


def test_a_sudden_exit_is_no_answer() -> None:
    with pytest.raises(EtbenchError, match="exited with status 5"):
        in_fork(lambda: os._exit(5), Answer, stage="time", waiting=_quiet)


def test_the_parent_hears_that_it_still_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fork, "HEARTBEAT_S", 0.05)
    beats: list[float] = []

    def sleep() -> Answer:
        time.sleep(0.4)
        return Answer(0, "")

    in_fork(sleep, Answer, stage="time", waiting=beats.append)
    assert len(beats) >= 2
    assert beats == sorted(beats)


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
def test_no_descriptor_stays_open() -> None:
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        in_fork(lambda: Answer(0, ""), Answer, stage="time", waiting=_quiet)
    assert len(list(Path("/proc/self/fd").iterdir())) == before
