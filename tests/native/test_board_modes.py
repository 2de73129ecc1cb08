"""What the runner does on a machine without etbench: hold the lock, end with its input, describe itself."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from etbench.host.measuring_lock import measuring_lock


class _WaitsError(Exception):
    pass


def _refuse() -> None:
    raise _WaitsError


def test_the_lock_is_etbenchs_own_and_ends_with_the_connection(
    runner: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_LOCKS", str(tmp_path))
    path = tmp_path / "etbench-host.lock"
    command = [runner, "hold", path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None and first.stdin is not None
        assert first.stdout.readline() == "ready\n"
        with pytest.raises(_WaitsError), measuring_lock(_refuse):
            pass
        with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as second:
            assert second.stdout is not None and second.stdin is not None
            assert second.stdout.readline() == "waiting\n"
            first.stdin.close()
            assert second.stdout.readline() == "ready\n"
            second.stdin.close()
        assert second.returncode == 0
    with measuring_lock(_refuse):
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert (done.returncode, done.stdout) == (3, "waiting\n"), "who gives up does not wait"


def test_a_lock_that_cannot_be_taken_is_named(runner: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    done = subprocess.run([runner, "hold", tmp_path / "link"], stdin=subprocess.DEVNULL, capture_output=True)
    assert done.returncode == 1
    assert done.stdout.decode().startswith(f"cannot take the lock for measuring: {tmp_path}/link: ")


def test_a_held_task_is_done_while_its_input_is_open_and_ends_with_it(runner: Path) -> None:
    with subprocess.Popen(
        [runner, "time", "held"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(b"task=dance\0folder=.\0threads=1\0\0")
        process.stdin.flush()
        assert b"has no task" in process.stdout.readline(), "the input is still open"
    with subprocess.Popen([runner, "time", "held"], stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        process.stdin.close()
        assert process.wait(300) == 0, "an empty task is answered"


def test_it_reports_no_emulator_where_there_is_none(runner: Path) -> None:
    told = json.loads(subprocess.run([runner, "describe"], capture_output=True, check=True).stdout)
    assert told["emulator"] == ""
