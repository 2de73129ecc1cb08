"""A program that goes wrong while it runs is the failure of its cell, and of no other."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import psutil
import pytest
from running import environment, started_etbench
from sweeps import arguments, finished, sweep
from waiting import descendants, wait_for

from etbench.artifact import program_path
from etbench.builder.cache import Cache

pytestmark = pytest.mark.cold

# Puts zeros at one place after another of a program until running it ends with the signal wanted. A field of
# zero is a missing one: the runtime follows a null pointer or finds its own check broken, in every process
# alike (an offset that is too large may lead, in a process with more memory, to something that is there).
SPOIL = """
import os, subprocess, sys
import torch
from executorch.extension.pybindings import _C

def end_of(path):
    child = os.fork()
    if child == 0:
        try:
            _C._load_program(path).load_method("forward").call((torch.randn(1, 3, 8, 8),))
        finally:
            os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

if sys.argv[1] == "run":
    sys.exit(-end_of(sys.argv[2]))
source, target, wanted = sys.argv[1], sys.argv[2], int(sys.argv[3])
body = open(source, "rb").read()
for at in range(0, len(body), 4):
    spoilt = bytearray(body)
    spoilt[at : at + 4] = bytes(4)
    open(target, "wb").write(spoilt)
    again = [sys.executable, "-c", sys.orig_argv[2], "run", target]
    if end_of(target) == -wanted and all(subprocess.run(again).returncode == wanted for _ in range(3)):
        sys.exit(0)
sys.exit(1)
"""


WIDTHS = (4, 5, 6)
GRID = ("model=tiny", f"model.width={','.join(map(str, WIDTHS))}")


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    """A cache with programs that will be spoilt and one that will not."""
    cwd = tmp_path_factory.mktemp("programs")
    sweep(cwd, *GRID, f"cache.dir={cwd / 'cache'}", status=0, cells=len(WIDTHS))
    return Cache(cwd / "cache", 10**9)


@pytest.fixture(scope="module")
def spoilt(
    programs: Cache, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[int, signal.Signals], bytes]:
    """Give the program of a width, so spoilt that running it ends with a signal."""

    @functools.cache
    def spoil(width: int, how: signal.Signals) -> bytes:
        source, target = program_path(_folder(programs, width)), tmp_path_factory.mktemp("spoilt") / "program"
        command = [sys.executable, "-c", SPOIL, str(source), str(target), str(int(how))]
        subprocess.run(command, env=environment(), check=True, capture_output=True)
        return target.read_bytes()

    return spoil


def _folder(cache: Cache, width: int) -> Path:
    """The folder of the program of a width: the wider, the larger."""
    return sorted(cache.entries(), key=lambda entry: entry.artifact.pte_bytes)[WIDTHS.index(width)].folder


@pytest.mark.parametrize(
    ("ends", "runner"),
    [
        ({4: signal.SIGSEGV, 5: signal.SIGABRT}, "python"),
        pytest.param({4: signal.SIGSEGV}, "native", marks=pytest.mark.needs("compiler")),
    ],
    ids=["SIGSEGV and SIGABRT", "SIGSEGV native"],
)
def test_programs_that_crash_the_runtime(
    ends: dict[int, signal.Signals],
    runner: str,
    programs: Cache,
    spoilt: Callable[[int, signal.Signals], bytes],
    tmp_path: Path,
    artifact_cache: Path,
) -> None:
    cache = Cache(shutil.copytree(programs.folder, tmp_path / "cache"), 10**9)
    if (compiled := artifact_cache / "native").is_dir():  # once for all tests
        shutil.copytree(compiled, cache.native)
    for width, how in ends.items():
        _replace_as_if_built_so(_folder(cache, width), spoilt(width, how))
    grid = (*GRID, f"runner={runner}", f"cache.dir={cache.folder}")
    swept = sweep(tmp_path, *grid, status=1, cells=len(WIDTHS))
    results = {result.config["model"]["width"]: result for result in swept.results.values()}
    for width, how in ends.items():
        assert results[width].status == "failed"
        assert results[width].from_cache
        assert f"was killed by {how.name}" in results[width].failure.message
    assert {results[width].status for width in results.keys() - ends.keys()} == {"ok"}


def _replace_as_if_built_so(folder: Path, body: bytes) -> None:
    """Replace an entry's program by another one whose digest is right."""
    program = program_path(folder)
    program.unlink()
    program.write_bytes(body)
    sidecar = msgspec.json.decode((folder / "entry.json").read_bytes())
    sidecar["artifact"]["sha256"] = hashlib.sha256(body).hexdigest()
    (folder / "entry.json").write_bytes(msgspec.json.encode(sidecar))


@pytest.mark.skipif(sys.platform != "linux", reason="a stopped process is found in /proc")
def test_a_round_that_hangs_is_killed_at_its_limit(tmp_path: Path) -> None:
    # Many short rounds to catch one of; even on a busy machine none is near the limit by itself.
    long = ("repeat.runs=36", "repeat.rounds=12", "repeat.rounds_s=999", "repeat.max_seconds=20")
    command = arguments("model=slow,tiny", *long, "measure.timeout_s=15")
    with started_etbench(*command, cwd=tmp_path) as process:
        stopped = wait_for(lambda: _stop_a_round(process, tmp_path / "out"))
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1, printed
    done = subprocess.CompletedProcess(command, 1, printed, "")
    swept = finished(tmp_path / "out", done, cells=2)
    failed = [stem for stem, result in swept.results.items() if result.status == "failed"]
    assert len(failed) == 1, [swept.failure_of(stem) for stem in failed]
    assert "Timeout: a round or check took longer than 15 s and was killed" in swept.failure_of(failed[0])
    assert swept.results[failed[0]].rounds, "the rounds before it are kept"
    assert not stopped.is_running()


def _stop_a_round(process: subprocess.Popen[str], out: Path):
    """Stop a round of a sweep that is timing: to the measuring process it looks as if it hung."""
    logs = list(out.glob("cells/*/etbench.log"))
    if len(logs) < 2 or not all(" round time" in log.read_text() for log in logs):
        return None
    for worker in descendants(process):
        try:
            rounds = worker.children()
        except psutil.NoSuchProcess:
            continue
        for child in rounds:
            with contextlib.suppress(psutil.NoSuchProcess):  # it was over before it could be stopped
                child.suspend()
                wait_for(lambda child=child: child.status() in (psutil.STATUS_STOPPED, psutil.STATUS_ZOMBIE))
                if child.status() == psutil.STATUS_STOPPED:
                    return child
    return None


def test_the_measuring_process_killed_fails_what_is_not_over(tmp_path: Path) -> None:
    with started_etbench(
        *arguments("model=slow", "repeat.runs=9999", "repeat.max_seconds=99"), cwd=tmp_path
    ) as process:
        worker = wait_for(lambda: _measuring(process, tmp_path / "out"))
        os.kill(worker.pid, signal.SIGKILL)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == 1, printed
    swept = finished(tmp_path / "out", subprocess.CompletedProcess([], 1, printed, ""), cells=1)
    assert "was killed by SIGKILL" in swept.failure_of("slow_fp32_portable")


def _measuring(process: subprocess.Popen[str], out: Path):
    logs = list(out.glob("cells/*/etbench.log"))
    if not any("stage_started time" in log.read_text() for log in logs):
        return None
    return next((child for child in descendants(process) if child.children()), None)
