"""Threads that compute are counted; those that wait are not."""

from __future__ import annotations

import hashlib
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait
from functools import partial

import pytest

from etbench.host import threads as module
from etbench.host.threads import BusyThreads

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux reports the time of each thread")


def _compute() -> None:
    hashlib.pbkdf2_hmac("sha256", b"", b"", 200_000)  # releases the interpreter's lock


@pytest.mark.parametrize("expected", [1, 3])
@pytest.mark.parametrize("others", [0, 2])
def test_this_thread_and_those_that_compute_with_it_are_counted(others: int, expected: int) -> None:
    done = threading.Event()
    waiting = threading.Thread(target=done.wait)
    waiting.start()
    with ThreadPoolExecutor(others or 1) as pool:

        def work() -> None:
            computing = [pool.submit(_compute) for _ in range(others)]
            _compute()
            wait(computing)  # all have computed equally long

        try:
            assert BusyThreads().count(work, expected=expected) == 1 + others
        finally:
            done.set()
            waiting.join()


def test_it_is_not_known_where_the_system_does_not_report_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setattr(module, "TASKS", tmp_path)
    assert BusyThreads().count(_compute, expected=1) is None


def test_it_is_not_known_of_work_that_only_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONGEST_S", 0.0)
    assert BusyThreads().count(lambda: None, expected=1) is None


def test_an_unexpected_number_takes_more_work_to_be_found() -> None:
    runs = {1: 0, 2: 0}

    def work(expected: int) -> None:
        runs[expected] += 1
        hashlib.pbkdf2_hmac("sha256", b"", b"", 2_000)

    for expected in runs:
        assert BusyThreads().count(partial(work, expected), expected=expected) == 1
    assert 0 < runs[1] < runs[2]
