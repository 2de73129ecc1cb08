"""A function in a forked process: whatever becomes of it, the parent hears of it."""

from __future__ import annotations

import contextlib
import ctypes
import faulthandler
import gc
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from etbench.errors import EtbenchError
from etbench.measure.worker import fork
from etbench.measure.worker.supervision import Supervision

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform cannot fork")


class Answer(Struct):
    pid: int
    text: str


def in_fork(
    function: Callable[[], Answer], *, waiting: Any = None, timeout_s: float = 60, log: str = os.devnull
) -> Answer:
    """Fork with what most of these tests do not look at."""
    quiet = waiting or (lambda _: None)
    supervision = Supervision("time", quiet, lambda _: None, timeout_s, log)
    return fork.in_fork(lambda _: function(), Answer, supervision)


def test_the_answer_comes_from_another_process() -> None:
    answer = in_fork(lambda: Answer(os.getpid(), "x" * 1_000_000))
    assert answer.pid != os.getpid()
    assert len(answer.text) == 1_000_000


def test_what_it_raises_comes_out_with_stage_and_traceback() -> None:
    def fail() -> Answer:
        raise ZeroDivisionError("as asked")

    with pytest.raises(EtbenchError, match="as asked") as caught:
        in_fork(fail)
    assert (caught.value.stage, caught.value.kind) == ("time", "ZeroDivisionError")
    assert "in fail" in caught.value.traceback


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT], ids=lambda s: s.name)
def test_a_signal_that_ends_it_is_named(how: signal.Signals) -> None:
    def die() -> Answer:
        faulthandler.disable()  # it would fill the test's report with a crash that is meant
        os.kill(os.getpid(), how)
        raise AssertionError("unreachable")

    with pytest.raises(EtbenchError, match=f"was killed by {how.name}") as caught:
        in_fork(die)
    assert caught.value.kind == "ProcessDied"


def test_an_orderly_exit_is_a_failure_and_not_the_end_of_its_parents_work() -> None:
    with pytest.raises(EtbenchError, match=r"sys\.exit\(3\) was called") as caught:
        in_fork(lambda: sys.exit(3))
    assert caught.value.kind == "SystemExit"


@contextlib.contextmanager
def held_pipe(*, readers: int) -> Iterator[int]:
    """Provide a pipe whose readers wait, and let them go at the end."""
    held, release = os.pipe()
    try:
        yield held
    finally:
        os.write(release, b"." * readers)
        os.close(held)
        os.close(release)


def test_an_answer_does_not_wait_for_the_processes_that_were_forked_for_it() -> None:
    def fork_twice() -> Answer:
        if os.fork() == 0:
            os.fork()
            os.read(held, 1)  # lives until the test is over
            os._exit(0)
        return Answer(0, "")

    with held_pipe(readers=2) as held:
        assert in_fork(fork_twice, timeout_s=300) == Answer(0, "")


@pytest.mark.skipif(sys.platform != "linux", reason="the C library has another name")
def test_nor_for_one_that_a_library_forked_without_python(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etbench.measure.worker.supervision.HEARTBEAT_S", 0.05)

    def fork_in_c() -> Answer:
        if ctypes.CDLL(None).fork() == 0:
            os.read(held, 1)  # lives until the test is over
            os._exit(0)
        return Answer(0, "")

    with held_pipe(readers=1) as held:
        assert in_fork(fork_in_c, timeout_s=300) == Answer(0, "")


def test_a_process_that_comes_back_from_a_fork_of_its_own_does_not_answer(tmp_path: Path) -> None:
    def fork_and_both_return() -> Answer:
        child = os.fork()
        if child:
            os.waitpid(child, 0)
        return Answer(os.getpid(), "" if child else "of the child")

    log = tmp_path / "log"
    assert in_fork(fork_and_both_return, log=str(log)).text == ""
    assert "returned from the function that forked it" in log.read_text()


def test_slow_going_is_told_to_the_parent() -> None:
    def slow(tell: Callable[[str], None]) -> Answer:
        tell("one inference takes a minute")
        return Answer(0, "")

    said: list[str] = []
    fork.in_fork(slow, Answer, Supervision("time", lambda _: None, said.append, 60, os.devnull))
    assert said == ["one inference takes a minute"]


def test_a_sudden_exit_is_no_answer() -> None:
    with pytest.raises(EtbenchError, match="exited with status 5"):
        in_fork(lambda: os._exit(5))


def test_the_parent_hears_that_it_still_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("etbench.measure.worker.supervision.HEARTBEAT_S", 0.05)
    beats: list[float] = []
    heard, tell = os.pipe()

    def hear(seconds: float) -> None:
        beats.append(seconds)
        os.write(tell, b".")

    def until_heard_twice() -> Answer:
        for _ in range(2):
            os.read(heard, 1)
        return Answer(0, "")

    in_fork(until_heard_twice, waiting=hear)
    os.close(heard)
    os.close(tell)
    assert len(beats) >= 2
    assert beats == sorted(beats)


@pytest.mark.skipif(sys.platform != "linux", reason="open files are listed in /proc")
def test_no_descriptor_stays_open() -> None:
    gc.collect()  # of what other tests have left
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(5):
        in_fork(lambda: Answer(0, ""))
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_process_that_hangs_is_killed() -> None:
    with pytest.raises(EtbenchError, match=r"longer than 0\.2 s and was killed") as caught:
        in_fork(lambda: time.sleep(600), timeout_s=0.2)
    assert caught.value.kind == "Timeout"


def test_one_that_stops_between_its_answer_and_its_end_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "_exit", lambda _: os.kill(os.getpid(), signal.SIGSTOP))  # the child's own copy
    with pytest.raises(EtbenchError, match=r"longer than 1 s and was killed"):
        in_fork(lambda: Answer(0, ""), timeout_s=1)


def test_garbage_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    class Other(Struct):
        colour: str

    with pytest.raises(EtbenchError, match="which is not an answer") as caught:
        in_fork(lambda: Other("blue"))
    assert caught.value.kind == "Garbage"


def test_what_it_prints_goes_to_its_log(tmp_path: Path) -> None:
    def chatter() -> Answer:
        os.write(1, b"native words, ")
        sys.stdout = os.fdopen(1, "w")  # buffered, as a file is; pytest has one of its own
        print("Python's words", end="")
        return Answer(0, "")

    in_fork(chatter, log=str(tmp_path / "log"))
    assert (tmp_path / "log").read_text() == "native words, Python's words"
