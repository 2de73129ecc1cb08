"""Disks that are full or cannot be written, and two sweeps over the same files."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from running import environment
from sweeps import Swept, arguments, finished, sweep

from etbench.builder.cache import Cache


def _limited_to(file_bytes: int) -> Callable[[], None]:
    """No file may grow beyond this, as on a disk that is nearly full."""
    return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))


def _sweep_with_limit(cwd: Path, file_bytes: int, *overrides: str, cells: int) -> Swept:
    done = subprocess.run(
        [sys.executable, "-m", "etbench", *arguments(*overrides)],
        cwd=cwd,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=1200,
        preexec_fn=_limited_to(file_bytes),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    return finished(cwd / "out", done, cells)


def test_a_program_that_does_not_fit_the_disk(tmp_path: Path) -> None:
    overrides = ("model=tiny", "model.width=4,20000", f"cache.dir={tmp_path / 'cache'}")
    swept = _sweep_with_limit(tmp_path, 4_000_000, *overrides, cells=2)
    by_width = {result.config["model"]["width"]: result for result in swept.results.values()}
    assert by_width[4].status == "ok"
    assert by_width[20000].failure.stage == "write"
    assert "too large" in by_width[20000].failure.message.lower()
    assert [entry.name for entry in Cache(tmp_path / "cache", 1).entries()] == ["tiny_fp32_portable"]


def test_a_result_that_does_not_fit_the_disk_is_a_short_one_that_says_so(tmp_path: Path) -> None:
    swept = _sweep_with_limit(
        tmp_path, 60_000, "model=tiny", "repeat.runs=3,10000", "repeat.max_seconds=60", cells=2
    )
    by_runs = {result.requested.runs: result for result in swept.results.values()}
    assert by_runs[3].status == "ok"
    assert by_runs[10000].failure.stage == "result"
    assert "too large" in by_runs[10000].failure.message.lower()


@pytest.mark.skipif(sys.platform != "linux", reason="nobody can create a folder in /sys, not even root")
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    swept = sweep(tmp_path, "model=tiny", "cache.dir=/sys/etbench", status=0, cells=1)
    assert "is not writable: no program is added to it" in swept.done.stderr
    assert not swept.results["tiny_fp32_portable"].from_cache


def test_a_run_without_the_cache_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "tmp").mkdir()
    folder = tmp_path / "cache"
    env = {"ETBENCH_CACHE": str(folder), "TMPDIR": str(tmp_path / "tmp")}
    sweep(tmp_path, "model=tiny", "cache.enabled=false", status=0, cells=1, **env)
    assert not folder.exists()
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.cold
def test_two_sweeps_at_once_build_each_program_once(tmp_path: Path) -> None:
    folders = [tmp_path / "one", tmp_path / "two"]
    running = []
    for folder in folders:
        folder.mkdir()
        command = arguments("model=tiny,slow", f"cache.dir={tmp_path / 'cache'}", "sweep.builders=1")
        running.append(
            subprocess.Popen(
                [sys.executable, "-m", "etbench", *command],
                cwd=folder,
                env=environment(),
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
        )
    results = []
    for folder, process in zip(folders, running, strict=True):
        printed, _ = process.communicate(timeout=1200)
        assert process.returncode == 0, printed
        done = subprocess.CompletedProcess([], 0, printed, "")
        results.append(finished(folder / "out", done, cells=2).results)
    for stem in ("tiny_fp32_portable", "slow_fp32_portable"):
        assert sorted(swept[stem].from_cache for swept in results) == [False, True]


def test_a_clock_set_back_changes_nothing(tmp_path: Path) -> None:
    """Files of the future, as they are after the clock was set back, are used like any other."""
    cache = Cache(tmp_path / "cache", 10**9)
    sweep(tmp_path, "model=tiny", f"cache.dir={cache.folder}", status=0, cells=1)
    later = 4_000_000_000
    for path in [*cache.folder.rglob("*"), *(tmp_path / "out").rglob("*")]:
        os.utime(path, (later, later))
    (tmp_path / "out").rename(tmp_path / "before")
    swept = sweep(tmp_path, "model=tiny", f"cache.dir={cache.folder}", status=0, cells=1)
    assert swept.results["tiny_fp32_portable"].from_cache
