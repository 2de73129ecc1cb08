"""The queue, and runs seen through their event log, without a browser."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from running import CONF, TESTS
from waiting import alive, descendants, wait_for

from etbench.events import Event
from etbench.sweep.manifest import Manifest, manifest_path
from etbench.system.event_log import EVENT_LOG, EventLog, LoggedEvent
from etbench.ui import watch as module
from etbench.ui.choices import Choices
from etbench.ui.external_runs import FIND_EVERY_S, ExternalRuns
from etbench.ui.jobs import Job, Jobs, _new_folder
from etbench.ui.watch import Watch, find_runs

GRID = {"model": ["unimportable"], "precision": ["fp32"], "delegate": ["portable"]}


@pytest.fixture(scope="module")
def choices() -> Choices:
    return Choices(CONF)


@pytest.fixture(autouse=True)
def _look_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)


@pytest.fixture(autouse=True)
def _tests_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))


def test_runs_go_one_after_the_other_and_what_is_cancelled_never_starts(
    choices: Choices, tmp_path: Path
) -> None:
    async def both() -> Jobs:
        jobs = Jobs(choices, tmp_path)
        first, second = (jobs.add(choices.checked(GRID)) for _ in range(2))
        driving = asyncio.create_task(jobs.drive())
        while first.process is None:
            await asyncio.sleep(0.01)
        assert (first.state, second.state) == ("running", "queued")
        assert os.getpgid(first.process.pid) != os.getpgid(0), "a session of its own"
        jobs.cancel(second)
        while not first.over:
            await asyncio.sleep(0.01)
        driving.cancel()
        await jobs.close()
        return jobs

    first, second = asyncio.run(both()).all
    assert first.state == "finished; a cell failed, is wrong or is missing"
    assert (second.state, second.process) == ("cancelled", None)
    watch = first.watch
    assert watch is not None and second.watch is None
    watch.look()
    (row,) = watch.rows.values()
    assert (row.name, row.state, watch.complete) == ("unimportable_fp32_portable", "failed", True)
    assert "no_such_package" in watch.notes[next(iter(watch.rows))]
    assert (watch.folder / "unimportable_fp32_portable.json").exists()
    assert not watch.alive


@pytest.mark.cold
@pytest.mark.parametrize("ignored", [False, True], ids=["foreground", "background job that ignores SIGINT"])
def test_a_server_that_is_stopped_interrupts_its_run_and_the_sweep_can_be_resumed(
    *, ignored: bool, choices: Choices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def stopped() -> tuple[str, Path]:
        jobs = Jobs(choices, tmp_path)
        job = jobs.add(choices.checked(GRID | {"model": ["hanging", "tiny"]}))
        driving = asyncio.create_task(jobs.drive())
        while job.watch is None or not (job.watch.folder / ".sweep" / "manifest.json").exists():
            assert not job.over, job.state
            await asyncio.sleep(0.05)
        driving.cancel()
        await jobs.close()
        return job.state, job.watch.folder

    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    before = signal.signal(signal.SIGINT, signal.SIG_IGN if ignored else signal.default_int_handler)
    try:
        state, folder = asyncio.run(stopped())
    finally:
        signal.signal(signal.SIGINT, before)
    assert state == "cancelled"
    assert f"sweep.resume={folder}" in (folder / "console.log").read_text()


@pytest.mark.cold
@pytest.mark.parametrize("stopped", [False, True], ids=["cancelled", "server stopped"])
def test_a_run_that_is_cancelled_while_its_process_is_being_started_does_not_go_on(
    *, stopped: bool, choices: Choices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = asyncio.create_subprocess_exec
    jobs = Jobs(choices, tmp_path)

    async def cancelled_meanwhile(*command: str, **more: Any) -> asyncio.subprocess.Process:
        process = await real(*command, **more)
        assert (job.state, job.over) == ("running", False)
        jobs.cancel(job)
        assert not job.over, "it is about to have a process"
        return process

    async def run() -> None:
        driving = asyncio.create_task(jobs.drive())
        if stopped:
            await jobs.close()
        while not job.over:
            await asyncio.sleep(0.01)
        driving.cancel()

    monkeypatch.setattr(asyncio, "create_subprocess_exec", cancelled_meanwhile)
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    job = jobs.add(choices.checked(GRID | {"model": ["hanging"]}))
    asyncio.run(run())
    assert job.state == "cancelled"


@pytest.mark.cold
def test_a_run_that_is_cancelled_while_python_starts_is_cancelled_and_has_not_failed(
    choices: Choices, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = tmp_path / "started"
    slow = f"import pathlib, time; pathlib.Path({str(started)!r}).touch(); time.sleep(600)"
    (tmp_path / "sitecustomize.py").write_text(slow)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}{os.pathsep}{TESTS}")
    jobs = Jobs(choices, tmp_path / "runs")
    job = jobs.add(choices.checked(GRID))

    async def run() -> None:
        driving = asyncio.create_task(jobs.drive())
        while not started.exists():
            await asyncio.sleep(0.01)
        jobs.cancel(job)
        while not job.over:
            await asyncio.sleep(0.01)
        await jobs.close()
        driving.cancel()

    asyncio.run(run())
    assert job.process is not None and job.process.returncode == 1, "Python's own status"
    assert job.state == "cancelled"


def test_what_is_missing_of_a_sweep_is_found_and_put_into_the_queue(choices: Choices, tmp_path: Path) -> None:
    skipped = {"model": ["tiny", "slow"], "precision": ["int8"], "delegate": ["picky"]}  # takes no time

    async def run(jobs: Jobs, job: Job) -> None:
        driving = asyncio.create_task(jobs.drive())
        while not job.over:
            await asyncio.sleep(0.01)
        driving.cancel()

    jobs = Jobs(choices, tmp_path)
    asyncio.run(run(jobs, before := jobs.add(choices.checked(skipped))))
    assert before.folder is not None and before.watch is not None
    lines = (before.folder / EVENT_LOG).read_bytes().splitlines(keepends=True)
    (before.folder / EVENT_LOG).write_bytes(b"".join(line for line in lines if b"cell_finished" not in line))
    kept = (before.folder / "tiny_int8_picky.json").read_bytes()

    others = ExternalRuns([tmp_path])
    others.look()
    assert others.watches[before.folder].complete, "killed between a result and its event"
    (before.folder / "slow_int8_picky.json").unlink()
    others = ExternalRuns([tmp_path])
    others.look(own=[before.folder])
    assert others.watches == {}
    others = ExternalRuns([tmp_path])
    others.look()
    watch = others.watches[before.folder]
    assert watch.resumable and [row.over for row in watch.rows.values()] == [True, False]

    jobs = Jobs(choices, tmp_path)
    job = jobs.resume(before.folder)
    assert jobs.resume(before.folder) is job and jobs.all == [job], "asked for twice"
    asyncio.run(run(jobs, job))
    assert job.state == "finished"
    assert job.watch is not None
    job.watch.look()
    assert job.watch.complete and not job.watch.resumable
    assert (before.folder / "slow_int8_picky.json").exists()
    assert (before.folder / "tiny_int8_picky.json").read_bytes() == kept


SERVER = """
import asyncio, json, sys
from pathlib import Path
from etbench.ui.choices import Choices
from etbench.ui.jobs import Jobs

async def serve():
    jobs = Jobs(Choices(Path(sys.argv[1])), Path(sys.argv[2]))
    jobs.add(jobs.choices.checked(json.loads(sys.argv[3])))
    await jobs.drive()

asyncio.run(serve())
"""


@pytest.mark.cold
def test_a_run_goes_on_to_its_end_when_its_server_is_killed_and_a_new_server_shows_it(
    choices: Choices, tmp_path: Path
) -> None:
    grid = json.dumps({"model": ["tiny", "slow"], "precision": ["int8"], "delegate": ["picky"]})
    root = tmp_path / "runs"
    server = subprocess.Popen([sys.executable, "-c", SERVER, str(CONF), str(root), grid])
    (run,) = wait_for(lambda: descendants(server))
    server.kill()
    server.wait()
    assert alive(run)
    others = ExternalRuns([root])

    def over() -> Watch | None:
        others._looked_at = -FIND_EVERY_S
        others.look()
        return next((watch for watch in others.watches.values() if not alive(run)), None)

    watch = wait_for(over)
    watch.look(at_once=True)
    assert watch.complete and not watch.alive and not watch.resumable
    assert [row.state for row in watch.rows.values()] == ["skipped", "skipped"]
    jobs = Jobs(choices, root)
    asyncio.run(jobs.close())
    assert jobs.all == [], "it is not run again"


def test_a_run_that_cannot_be_started_says_why_and_the_next_one_has_its_turn(
    choices: Choices, tmp_path: Path
) -> None:
    async def all_over(jobs: Jobs) -> None:
        driving = asyncio.create_task(jobs.drive())
        while not all(job.over for job in jobs.all):
            assert not driving.done()
            await asyncio.sleep(0.01)
        driving.cancel()

    (tmp_path / "file").touch()
    jobs = Jobs(choices, tmp_path / "file")
    gone = jobs.resume(tmp_path / "gone")
    nowhere = jobs.add(choices.checked(GRID))
    asyncio.run(all_over(jobs))
    assert gone.state.startswith("could not be started: ") and str(tmp_path / "gone") in gone.state
    assert nowhere.state.startswith("could not be started: ") and str(tmp_path / "file") in nowhere.state
    assert jobs.resume(tmp_path / "gone") is gone and gone.state == "queued", "asked for again"


def test_a_sweep_that_was_killed_before_its_first_event_is_found_once_it_is_not_just_beginning(
    tmp_path: Path,
) -> None:
    Manifest(argv=[], created_at="", cells=[]).write(tmp_path / "sweep")
    assert find_runs([tmp_path]) == []
    then = time.time() - 2 * module.BEGINS_S
    os.utime(manifest_path(tmp_path / "sweep"), (then, then))
    assert find_runs([tmp_path]) == [tmp_path / "sweep"]


def test_two_runs_of_the_same_second_have_a_folder_each(tmp_path: Path) -> None:
    now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    made = [_new_folder(tmp_path, lambda: now) for _ in range(3)]
    names = ("03-04-05", "03-04-05-2", "03-04-05-3")
    assert made == [tmp_path / "2026-01-02" / name for name in names]


def test_a_run_that_was_started_elsewhere_is_seen_while_it_lives(choices: Choices, tmp_path: Path) -> None:
    (cell,) = choices.cells(choices.checked(GRID))
    log = EventLog(tmp_path / "nightly" / EVENT_LOG)
    known = {"cell": cell.stem, "cell_id": cell.cell_id}
    log(Event(kind="cell_started", **known))
    assert find_runs([tmp_path]) == [tmp_path / "nightly"]
    watch = Watch(tmp_path / "nightly")
    watch.look()
    assert watch.alive and not watch.complete
    log(Event(kind="round", stage="time", done=1, of=30, p50_ms=1.5, round_ms=1.5, **known))
    log(Event(kind="round", stage="time", done=2, of=30, p50_ms=1.25, round_ms=1.0, **known))
    watch.look()
    (row,) = watch.rows.values()
    assert (row.doing, row.done, row.of, row.p50_ms) == ("timing", 2, 30, 1.25)
    assert row.medians_ms == [1.5, 1.0]
    log(Event(kind="cell_started", **known))
    watch.look()
    assert (row.done, row.medians_ms) == (0, []), "resumed"


def test_another_process_with_the_number_of_a_dead_one_is_not_taken_for_it(tmp_path: Path) -> None:
    old = LoggedEvent(kind="cell_started", cell="a", at=datetime(2020, 1, 1, tzinfo=UTC), pid=os.getpid())
    (tmp_path / EVENT_LOG).write_bytes(msgspec.json.encode(old) + b"\n")
    watch = Watch(tmp_path)
    watch.look()
    assert not watch.alive


def test_a_run_of_another_host_is_judged_by_the_age_of_its_log(tmp_path: Path) -> None:
    Manifest(argv=[], created_at="", cells=[]).write(tmp_path)
    nobody = {"pid": 2**22 + 1, "at": datetime.now(UTC)}  # above the highest number that Linux gives
    event = LoggedEvent(kind="cell_started", cell="a", cell_id="0", host="another", **nobody)
    log = tmp_path / EVENT_LOG
    log.write_bytes(msgspec.json.encode(event) + b"\n")
    watch = Watch(tmp_path)
    watch.look()
    assert watch.alive and not watch.resumable
    then = time.time() - 2 * module.FOREIGN_S
    os.utime(log, (then, then))
    watch.look()
    assert not watch.alive and watch.resumable


def test_an_estimate_of_old_events_goes_by_their_own_time(choices: Choices, tmp_path: Path) -> None:
    (cell,) = choices.cells(choices.checked(GRID))
    lines = [
        LoggedEvent(
            kind="round", stage="time", cell=cell.stem, cell_id=cell.cell_id, done=n + 1, of=10, at=at, pid=1
        )
        for n, at in enumerate(datetime(2026, 1, 1, 0, 0, second, tzinfo=UTC) for second in range(0, 10, 2))
    ]
    (tmp_path / EVENT_LOG).write_bytes(b"".join(msgspec.json.encode(line) + b"\n" for line in lines))
    watch = Watch(tmp_path, [cell])
    watch.look()
    left = watch.left_s()
    assert left is not None and left == pytest.approx(5 * 8 / 5, abs=90)  # and an unbuilt program's minute


def test_a_log_cannot_make_the_page_read_a_file_elsewhere(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    secret = tmp_path / "secret.json"
    secret.write_text("{}")
    log = EventLog(tmp_path / "run" / EVENT_LOG)
    log(Event(kind="cell_finished", cell="a", cell_id="0", status="ok", message=str(secret)))
    watch = Watch(tmp_path / "run")
    watch.look()
    assert watch.files == {}
