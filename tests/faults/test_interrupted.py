"""A sweep that is cut short leaves nothing running, loses nothing measured, and can be resumed."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from filelock import FileLock
from running import CONF, etbench, refusal_of, started_etbench
from sweeps import arguments, finished
from waiting import alive, descendants, leftovers, wait_for

from etbench.results.files.store import read_result
from etbench.results.schema import Result
from etbench.system.event_log import EVENT_LOG, read_events

# One quick cell, and one with many rounds of its own 100 ms, in the same blocks.
LONG = (
    "model=tiny,slow",
    "repeat.rounds_s=9999",  # all rounds are short, and all in common blocks, however slow the machine
    "measure.block_max_s=9999",
)
SHORT = ("repeat.runs=24", "repeat.rounds=8")
WHILE_PARTS_ARE_KEPT = ("repeat.runs=300", "repeat.rounds=100", "repeat.max_seconds=12")  # every few seconds


def _kept(out: Path) -> bool:
    """Tell whether partial results have been kept, which happens every few seconds of timing."""
    return len(list(out.glob(".partial/*.json"))) == 2 if out.exists() else False


def _timing(out: Path) -> bool:
    """Tell whether each cell has a round."""
    return len({event.cell for event in read_events(out / EVENT_LOG)[0] if event.kind == "round"}) == 2


@pytest.mark.parametrize(
    ("how", "status"),
    [
        (signal.SIGINT, 130),
        (signal.SIGTERM, 143),
        pytest.param(signal.SIGKILL, -9, marks=pytest.mark.cold),
    ],
    ids=lambda v: str(v),
)
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tie a child's life to its parent's")
def test_a_sweep_cut_short_is_completed_by_resume(how: signal.Signals, status: int, tmp_path: Path) -> None:
    out = tmp_path / "out"
    killed = how == signal.SIGKILL  # then what has been kept before is all there is
    cache = [f"cache.dir={tmp_path / 'cache'}"] if killed else []  # the others share what is built
    long = (*LONG, *(WHILE_PARTS_ARE_KEPT if killed else SHORT))
    with started_etbench(*arguments(*long, *cache), cwd=tmp_path) as process:
        wait_for(lambda: _kept(out) if killed else _timing(out))
        family = descendants(process)
        process.send_signal(how)
        printed, _ = process.communicate(timeout=300)
    assert process.returncode == status, printed
    wait_for(lambda: not any(map(alive, family)), timeout=10)  # they would end by themselves later
    kept = {read_result(path).model_name: read_result(path) for path in out.glob(".partial/*.json")}
    assert kept, "what was measured so far is kept"
    for part in kept.values():
        assert (part.status, part.failure.kind) == ("failed", "Interrupted")
        assert part.repeat == sum(map(len, part.rounds)) > 0
    manifest = json.loads((out / ".sweep" / "manifest.json").read_text())
    assert manifest["finished_at"] is None
    assert len(manifest["cells"]) == 2
    if not killed:
        assert f"python -m etbench -m sweep.resume={Path('out')}" in printed
        assert not leftovers(tmp_path / "cache")
    done = etbench("-m", f"sweep.resume={Path('out')}", "model=tiny", "--config-dir", str(CONF), cwd=tmp_path)
    assert done.returncode == 2
    assert "not the same sweep" in done.stderr, "an override beside it must be refused, not ignored"
    done = etbench("-m", f"sweep.resume={Path('out')}", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    swept = finished(out, done, cells=2)
    assert {result.status for result in swept.results.values()} == {"ok"}
    assert all(result.from_cache for result in swept.results.values()), "nothing is built twice"
    assert json.loads((out / ".sweep" / "manifest.json").read_text())["finished_at"]
    assert not leftovers(tmp_path / "cache")
    assert (out / "results.csv").exists()


@pytest.fixture(scope="module")
def once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished sweep of two cells, of which one failed."""
    cwd = tmp_path_factory.mktemp("once")
    done = etbench(*arguments("model=tiny,unexportable"), cwd=cwd)
    assert done.returncode == 1
    return cwd / "out"


@pytest.fixture
def swept(once: Path, tmp_path: Path) -> Path:
    """The same in a folder of the test's own."""
    return shutil.copytree(once, tmp_path / "out")


def _resume(swept: Path, *more: str, status: int) -> subprocess.CompletedProcess[str]:
    done = etbench("-m", f"sweep.resume={swept}", *more, cwd=swept.parent)
    assert done.returncode == status, done.stdout + done.stderr
    return done


def _by_stem(folder: Path) -> dict[str, Result]:
    return {path.stem: read_result(path) for path in folder.glob("*.json")}


def test_resume_leaves_alone_what_is_there_also_in_a_folder_that_was_moved(swept: Path, once: Path) -> None:
    assert swept.parent != once.parent
    before = _by_stem(swept)
    _resume(swept, "hydra/launcher=basic", "build.timeout_s=7200", "keep_pte=true", status=1)
    assert _by_stem(swept) == before


def test_retry_measures_the_failed_cells_again_and_deletes_nothing(swept: Path) -> None:
    before = _by_stem(swept)
    _resume(swept, "sweep.retry=failed", "cache.enabled=false", status=1)
    after = _by_stem(swept)
    assert after["tiny_fp32_portable"] == before["tiny_fp32_portable"]
    assert after["unexportable_fp32_portable"] != before["unexportable_fp32_portable"]
    aside = swept / ".sweep" / "aside" / "unexportable_fp32_portable-1.json"
    assert read_result(aside) == before["unexportable_fp32_portable"]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(path.read_bytes()[:500]),
        lambda path: path.write_text(path.read_text().replace('"schema_version": 1', '"schema_version": 99')),
    ],
    ids=["empty", "truncated", "another schema"],
)
def test_resume_measures_again_what_is_no_result_any_more(spoil: object, swept: Path) -> None:
    spoil(swept / "tiny_fp32_portable.json")
    done = _resume(swept, status=1)
    assert "moved to" in done.stderr
    assert _by_stem(swept)["tiny_fp32_portable"].status == "ok"
    assert len(list((swept / ".sweep" / "aside").iterdir())) == 1


def test_resume_of_another_sweep_says_what_differs(swept: Path) -> None:
    done = _resume(swept, "repeat.runs=4", "measure.timeout_s=99", status=2)
    assert "tiny_fp32_portable: repeat.runs was 3, is 4\n" in done.stderr


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["-m", "sweep.resume=nowhere"], "no sweep was started in this folder"),
        (["sweep.resume=out"], "add -m"),
        (["-m", "model=tiny", "sweep.retry=all"], "sweep.retry=all"),
    ],
    ids=" ".join,
)
def test_resume_that_makes_no_sense_is_refused(overrides: list[str], expected: str, tmp_path: Path) -> None:
    assert expected in refusal_of(*overrides, cwd=tmp_path)


def test_a_folder_where_a_sweep_is_running_is_refused(swept: Path) -> None:
    with FileLock(swept / ".sweep" / "lock"):
        done = _resume(swept, status=2)
    assert "another etbench is running a sweep in this folder" in done.stderr
