"""Processes of etbench that are forked with their imports done are what new interpreters would be."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest
import warm
from running import CONF, environment, etbench, started_etbench
from waiting import alive, descendants, wait_for

from etbench.system.event_log import EVENT_LOG, read_events

pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or "ETBENCH_TESTS_COLD" in os.environ, reason="all processes start anew"
)
WAITING = [sys.executable, "-m", "etbench.measure.worker.main"]  # for its first request


def _is_forked(**how: Any) -> bool:
    with subprocess.Popen(WAITING, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, **how) as process:
        found = psutil.Process(process.pid)
        assert found.ppid() == os.getpid()
        return warm.__file__ in found.cmdline()


def test_a_process_is_forked_unless_something_of_its_own_may_matter(tmp_path: Path) -> None:
    assert _is_forked(cwd=tmp_path, env=environment(TMPDIR=str(tmp_path)))
    assert not _is_forked(env=environment(OMP_NUM_THREADS="1"))
    assert not _is_forked(env=environment(PYTHONHASHSEED="7"))
    assert not _is_forked(umask=0)
    assert not _is_forked(preexec_fn=lambda: None)


@pytest.mark.cold
def test_a_test_can_have_all_its_processes_started_anew() -> None:
    assert not _is_forked()


def test_a_fork_prints_and_returns_what_a_new_interpreter_does(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    commands = (["--version"], ["model=resnet81"], ["show", "--help"], ["no_command"])
    forked = [etbench(*command, cwd=tmp_path) for command in commands]
    warm.choose(cold=True)
    request.addfinalizer(lambda: warm.choose(cold=False))
    for command, one in zip(commands, forked, strict=True):
        anew = etbench(*command, cwd=tmp_path)
        assert (one.returncode, one.stdout, one.stderr) == (anew.returncode, anew.stdout, anew.stderr)
    assert {one.returncode for one in forked} == {0, 2}


@pytest.mark.parametrize("handler", [signal.SIG_IGN, signal.default_int_handler], ids=["ignored", "heard"])
def test_a_fork_ignores_ctrl_c_if_its_parent_does(handler: Any, tmp_path: Path) -> None:
    cell = ("--config-dir", str(CONF), "model=hanging", "cache.enabled=false", "hydra.run.dir=out")
    before = signal.signal(signal.SIGINT, handler)
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "etbench", *cell],
            cwd=tmp_path,
            env=environment(),
            stderr=subprocess.DEVNULL,
        )
    finally:
        signal.signal(signal.SIGINT, before)
    with process:
        wait_for(lambda: _has_begun_to_build(tmp_path / "out"))
        ignored = re.search(r"SigIgn:\s*(\w+)", Path(f"/proc/{process.pid}/status").read_text())
        process.kill()
    assert ignored is not None
    assert bool(int(ignored[1], 16) >> (signal.SIGINT - 1) & 1) == (handler is signal.SIG_IGN)


def test_a_command_that_is_killed_leaves_no_process(tmp_path: Path) -> None:
    cell = ("--config-dir", str(CONF), "model=hanging", "delegate=portable", "cache.enabled=false")
    with started_etbench(*cell, "hydra.run.dir=out", cwd=tmp_path) as process:
        wait_for(lambda: _has_begun_to_build(tmp_path / "out"))
        family = descendants(process)
        assert len(family) == 2, "the builder, and the process that it was forked from"
        process.kill()
    wait_for(lambda: not any(map(alive, family)), timeout=60)


def _has_begun_to_build(folder: Path) -> bool:
    log = folder / EVENT_LOG
    return log.exists() and any(event.kind == "stage_started" for event in read_events(log)[0])
