"""Other load on the machine is seen, and one's own is not taken for it."""

from __future__ import annotations

import subprocess
import sys
import time

import psutil
import pytest

from etbench.host.load import machine_now, watch_load

BUSY = "while True: pass"
BUSY_TIMES = ("user", "nice", "system", "irq", "steal")


def _spin(cpu_s: float) -> None:
    until = time.process_time() + cpu_s
    while time.process_time() < until:
        pass


def test_a_busy_process_beside_this_one_is_other_load() -> None:
    with subprocess.Popen([sys.executable, "-c", BUSY]) as process:
        time.sleep(0.2)
        since = watch_load()
        time.sleep(1.0)
        busy = since()
        process.kill()
    assert busy.other_cpu_share is not None
    assert busy.other_cpu_share > 0.5 * (1 - (busy.steal_share or 0.0)) / _cpus()


def test_two_moments_tell_how_busy_the_machine_was_between_them() -> None:
    before = machine_now()
    _spin(0.5)
    after = machine_now()
    spent, busy = after.cpu_s - before.cpu_s, after.busy_s - before.busy_s
    stolen = (after.steal_s or 0.0) - (before.steal_s or 0.0)  # which a process may take for its own time
    assert busy + stolen > 0.4
    assert busy <= spent + 1e-6  # sums of floats
    assert after.memory_available_bytes > 0


def test_what_this_process_does_is_not() -> None:
    before, since = psutil.cpu_times(), watch_load()
    _spin(1.0)
    load, after = since(), psutil.cpu_times()
    busy_s = sum(
        getattr(after, name) - getattr(before, name) for name in ("user", "nice", "system", "irq", "steal")
    )
    total_s = sum(after[:8]) - sum(before[:8])
    assert load.other_cpu_share is not None
    assert load.other_cpu_share * total_s < busy_s - 0.8, "its own second of work was counted"
    assert load.major_faults >= 0
    assert load.involuntary_switches >= 0


@pytest.mark.parametrize(("idle_s", "share"), [(0.04, None), (0.16, 0.2)], ids=["0.08 s", "0.2 s"])
def test_a_moment_too_short_for_the_clock_ticks_says_nothing_of_other_load(
    idle_s: float, share: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = psutil.cpu_times()
    after = before._replace(user=before.user + 0.04, idle=before.idle + idle_s)
    times = iter([before, after])
    monkeypatch.setattr(psutil, "cpu_times", lambda: next(times))
    monkeypatch.setattr("etbench.host.load._own_cpu_s", lambda: 0.0)
    told = watch_load()().other_cpu_share
    assert told == (None if share is None else pytest.approx(share))


def _cpus() -> int:
    return psutil.cpu_count() or 1
