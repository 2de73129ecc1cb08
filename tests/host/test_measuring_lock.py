"""One etbench measures at a time on a machine."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from running import CONF, TESTS, started_etbench
from waiting import wait_for

from etbench.errors import ConfigError, EtbenchError
from etbench.host.measuring_lock import measuring_lock
from etbench.preflight.compose import compose
from etbench.system import locks

HOLDER = """
import sys, time
from etbench.host.measuring_lock import measuring_lock
with measuring_lock(lambda: None):
    print("held", flush=True)
    time.sleep(600)
"""


def test_a_second_holder_waits_until_the_first_is_done() -> None:
    waited: list[str] = []
    order: list[str] = []

    def second() -> None:
        with measuring_lock(lambda: waited.append("told")):
            order.append("second")

    with measuring_lock(lambda: None):
        thread = threading.Thread(target=second)
        thread.start()
        wait_for(lambda: waited)
        time.sleep(0.2)
        order.append("first")
    thread.join()
    assert (order, waited) == (["first", "second"], ["told"])


def test_who_waits_hears_so_again_and_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locks, "TELL_EVERY_S", 0.05)
    waited, enough = [], threading.Event()

    def on_wait() -> None:
        waited.append("told")
        if len(waited) == 3:
            enough.set()

    def second() -> None:
        with measuring_lock(on_wait):
            pass

    thread = threading.Thread(target=second)
    with measuring_lock(lambda: None):
        thread.start()
        assert enough.wait(300)
    thread.join()


def test_only_those_that_share_a_folder_of_locks_wait_for_one_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waited: list[str] = []
    with measuring_lock(lambda: None):
        monkeypatch.setenv("ETBENCH_LOCKS", str(tmp_path))
        with measuring_lock(lambda: waited.append("told")):
            assert [path.name for path in tmp_path.iterdir()] == ["etbench-host.lock"]
    assert waited == []


@pytest.mark.parametrize("name", ["gone", "file"])
def test_a_folder_of_locks_that_is_not_there_or_none_is_refused(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("ETBENCH_LOCKS", str(tmp_path / name))
    with pytest.raises(ConfigError, match=rf"ETBENCH_LOCKS=.*{name}: no such folder"):
        compose(["model=mobilenet_v2"])


def test_machines_that_are_measured_from_here_do_not_wait_for_one_another() -> None:
    waited: list[str] = []
    with (
        measuring_lock(lambda: None),  # another etbench may be at work here
        measuring_lock(lambda: waited.append("a"), "adb-192.168.1.2:5555/a"),
        measuring_lock(lambda: waited.append("b"), "adb-b"),
    ):
        assert waited == []


def test_a_holder_that_is_killed_lets_go() -> None:
    with subprocess.Popen([sys.executable, "-c", HOLDER], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        process.kill()
    with measuring_lock(lambda: None):
        pass


@contextmanager
def _as_user(number: int) -> Iterator[None]:
    os.seteuid(number)
    try:
        yield
    finally:
        os.seteuid(0)


def _is_held() -> bool:
    class HeldError(Exception):
        pass

    def held() -> None:
        raise HeldError

    try:
        with measuring_lock(held):
            return False
    except HeldError:
        return True


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can be several users")
def test_all_users_of_a_machine_take_turns_whoever_came_first(monkeypatch: pytest.MonkeyPatch) -> None:
    before = os.umask(0o077)
    with tempfile.TemporaryDirectory() as folder:  # not of pytest, whose folders are for one user
        Path(folder).chmod(0o1777)  # as /tmp is
        monkeypatch.setenv("ETBENCH_LOCKS", folder)
        with ExitStack() as first:
            with _as_user(12345):
                first.enter_context(measuring_lock(lambda: None))
            for user in (12346, 0):
                with _as_user(user):
                    assert _is_held()
        for user in (12346, 0, 12345):
            with _as_user(user):
                assert not _is_held()
    os.umask(before)


def test_who_has_waited_for_a_file_that_was_removed_holds_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_LOCKS", str(tmp_path))
    removed: list[str] = []

    def remove() -> None:
        removed.append("told")
        (tmp_path / "etbench-host.lock").unlink()

    with measuring_lock(lambda: None), measuring_lock(remove):
        assert _is_held()
    assert removed == ["told"]


def test_a_lock_that_cannot_be_had_is_said_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_LOCKS", str(tmp_path))
    (tmp_path / "etbench-host.lock").mkdir()
    said = r"etbench-host\.lock: Is a directory"
    with pytest.raises(EtbenchError, match=said) as caught, measuring_lock(lambda: None):
        pass
    assert "ETBENCH_LOCKS=" in caught.value.hint


def test_a_run_says_that_it_waits(tmp_path: Path) -> None:
    command = ("--config-dir", str(CONF), "model=tiny", "delegate=portable", "hydra.run.dir=out")
    log = tmp_path / "out" / "etbench.log"
    with ExitStack() as turn:
        turn.enter_context(measuring_lock(lambda: None))
        with started_etbench(*command, cwd=tmp_path, PYTHONPATH=str(TESTS)) as process:
            wait_for(lambda: log.exists() and "waiting until it has finished" in log.read_text())
            assert "stage_finished time" not in log.read_text()
            turn.close()
            printed, _ = process.communicate(timeout=300)
    assert process.returncode == 0, printed
    assert "another etbench is measuring on this machine" in printed
