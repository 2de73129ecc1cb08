"""Runs that the page starts: one after the other, each a child process in its own session.

Nothing is measured in the server. A run does not depend on the page: it continues when the tab is closed.
When the server is stopped (Ctrl-C, SIGTERM), the run is interrupted as from a terminal and saves its data,
and a sweep can be resumed. When the server is killed, the run continues to its end, and a new server shows
it; when both are killed, a new server offers to resume the sweep. Runs that only wait in the queue are lost
with the server.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from etbench.config.command import python_command, resume_arguments
from etbench.exit_status import BAD_USAGE, FAILED, INTERRUPTED, OK, REGRESSION, UNDECIDED
from etbench.system.files import open_to_append
from etbench.system.os_errors import os_error_text
from etbench.ui.choices import Choices, Request
from etbench.ui.watch import CONSOLE_LOG, Watch

__all__ = ["Job", "Jobs"]

CLOSE_S = 30.0
POLL_S = 0.01
WORDS = {
    OK: "finished",
    FAILED: "finished; a cell failed, is wrong or is missing",
    BAD_USAGE: "rejected; see the log",
    REGRESSION: "finished; a regression",
    UNDECIDED: "finished; undecided whether a cell is slower",
}


@dataclass
class Job:
    """A requested run; it gets a folder, arguments and a process when it starts.

    `request` describes a new run; without one, the sweep in `folder` is resumed.
    """

    number: int
    request: Request | None
    folder: Path | None = None
    arguments: list[str] = field(default_factory=list)
    watch: Watch | None = None
    process: asyncio.subprocess.Process | None = None
    starting: bool = False
    interrupts: int = 0
    ended: bool = False
    cut_short: bool = False  # interrupted before all its cells were finished
    fault: str = ""  # why it could not be started

    @property
    def running(self) -> bool:
        """Whether its process is running."""
        return self.process is not None and self.process.returncode is None

    @property
    def over(self) -> bool:
        """Whether it is finished, cancelled or could not be started."""
        if self.process is None:
            return bool(self.fault) or (self.interrupts > 0 and not self.starting)
        return self.ended

    @property
    def state(self) -> str:
        """The state of the run in a few words."""
        if self.fault:
            return f"could not be started: {self.fault}"
        if self.process is None and not self.starting:
            return "cancelled" if self.interrupts else "queued"
        status = self.process.returncode if self.process else None
        if status is None or not self.ended:
            return "stopping: saving its data" if self.interrupts else "running"
        if self.cut_short or status in (INTERRUPTED, -signal.SIGINT):
            return "cancelled"
        return WORDS.get(status, f"ended with status {status}")


class Jobs:
    """The queue of runs.

    Args:
        choices: the available options.
        root: folder in which each run gets its own folder.

    """

    def __init__(self, choices: Choices, root: Path) -> None:
        self.choices = choices
        self.root = root
        self.all: list[Job] = []
        self._wake = asyncio.Event()

    @property
    def folders(self) -> set[Path | None]:
        """The folders of these runs; None represents those that have not started."""
        return {job.folder for job in self.all}

    def add(self, request: Request) -> Job:
        """Put a run at the end of the queue."""
        job = Job(len(self.all) + 1, request)
        self.all.append(job)
        self._wake.set()
        return job

    def resume(self, folder: Path) -> Job:
        """Put the missing cells of a sweep into the queue, unless it is queued or running."""
        job = next((job for job in self.all if job.folder == folder), None)
        if job is None:
            job = Job(len(self.all) + 1, None, folder, watch=Watch(folder))
            self.all.append(job)
        elif job.over:
            job.request, job.process, job.interrupts, job.fault = None, None, 0, ""
            job.ended = job.cut_short = False
        self._wake.set()
        return job

    def cancel(self, job: Job) -> None:
        """Remove a run from the queue, or interrupt it: once so that it saves its data, twice to end it."""
        if job.over:
            return
        job.interrupts += 1
        if job.process is not None:  # a process that is being started is interrupted as soon as it exists
            _interrupt(job.process)

    async def drive(self) -> None:
        """Run the queue forever; a run that cannot be started does not block the next."""
        while True:
            self._wake.clear()
            while job := next((job for job in self.all if job.process is None and not job.over), None):
                try:
                    await self._run(job)
                except OSError as error:
                    job.fault = os_error_text(error)
            await self._wake.wait()

    async def close(self) -> None:
        """Empty the queue, interrupt the current run, and wait until it has saved its data."""
        for job in self.all:
            self.cancel(job)
        for job in self.all:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(_ended(job), CLOSE_S)

    async def _run(self, job: Job) -> None:
        if job.request is not None:
            job.folder = _new_folder(self.root)
            job.arguments = self.choices.arguments(job.request, job.folder)
            job.watch = Watch(job.folder, self.choices.cells(job.request))
        else:
            assert job.folder is not None
            assert job.watch is not None
            job.arguments = resume_arguments(job.folder)
        job.starting = True
        try:
            job.process = await _started(job.arguments, job.folder / CONSOLE_LOG)
        finally:
            job.starting = False
        if job.interrupts:
            _interrupt(job.process)
        await _ended(job)


async def _ended(job: Job) -> None:
    """Wait for the end of a run, and find out whether it was cut short."""
    while job.starting:
        await asyncio.sleep(POLL_S)
    if job.process is None or job.watch is None:
        return
    await job.process.wait()
    # Its status alone does not say it: Python ends with 1 if it is interrupted while it starts.
    job.watch.look(at_once=True)
    job.cut_short = job.interrupts > 0 and not job.watch.complete
    job.ended = True


async def _started(arguments: list[str], log: Path) -> asyncio.subprocess.Process:
    """Start a run in its own session; a cancellation meanwhile kills it."""
    with open_to_append(log) as output, _interruptible_children():
        return await asyncio.create_subprocess_exec(
            *python_command(arguments),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=asyncio.subprocess.STDOUT,
            env={**os.environ, "COLUMNS": "150"},
            start_new_session=True,
        )


@contextlib.contextmanager
def _interruptible_children() -> Iterator[None]:
    """Let SIGINT reach child processes, even if this process ignores it, as a shell's background job does.

    Children inherit ignored signals, and a run that ignores SIGINT cannot be cancelled.
    """
    if signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        yield
        return
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


def _interrupt(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(signal.SIGINT)


def _new_folder(root: Path, now: Callable[[], datetime] = datetime.now) -> Path:
    """Create a folder named after this second, like Hydra; with a number if it already exists."""
    base = root / now().strftime("%Y-%m-%d/%H-%M-%S")
    base.parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        folder = base if number == 1 else base.with_name(f"{base.name}-{number}")
        try:
            folder.mkdir()
        except FileExistsError:
            number += 1
        else:
            return folder
