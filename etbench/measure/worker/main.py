"""The measuring process: imports torch and the runtime once, then forks a fresh process for each pass."""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from etbench.artifact import program_path
from etbench.events import Event, Failure, OnEvent, Stages, explained
from etbench.host.environment import available_cores
from etbench.host.load import MachineNow
from etbench.measure.findings import Evaluation
from etbench.measure.protocol import (
    Broken,
    Checked,
    CheckPass,
    Ended,
    Measured,
    MeasurePart,
    MeasureRequest,
    NativeOutputs,
    Round,
    Subject,
    Timed,
    in_turn,
    seconds_text,
)
from etbench.measure.worker.inspection import RunTask, inspect_program
from etbench.measure.worker.machine import machine_of
from etbench.measure.worker.plan import Progress
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import CheckTask, EvaluateTask, OutputsTask, ParityTask, RoundTask, Task
from etbench.stats.interval import location_interval
from etbench.stats.paired import paired_ratio
from etbench.stats.parity import Parity
from etbench.stats.verdict import ALARM_CONFIDENCE
from etbench.system.channel import serve

STAGE_TEXT = {
    "parity": "running the reference inputs",
    "evaluate": "evaluating the accuracy",
    "inspect": "loading, or taking memory, energy or profile",
    "time": "this round",
}

T = TypeVar("T", bound=Struct)


def _handle(request: MeasureRequest, emit: OnEvent, send: Callable[[MeasurePart], None]) -> Measured:
    stages = Stages(emit)
    with stages("start_runtime"):
        import executorch.kernels.quantized  # noqa: F401  registers the kernels of int8 on portable

        from etbench.measure.passes import energy, load_time, memory, rounds  # noqa: F401  forks inherit them
        from etbench.runtime.executors import preload

        for asked in request.subjects:
            preload(program_path(Path(asked.folder)))
        gc.collect()
        gc.freeze()  # else each fork looks through, and so copies, a hundred MB of what was imported
    if request.affinity:
        os.sched_setaffinity(0, request.affinity)
    subjects = [_Subject(number, asked, request, emit) for number, asked in enumerate(request.subjects)]
    for subject in subjects:
        if not (subject.asked.checked or subject.asked.over):
            with _failing_alone(subject, send):
                subject.check(send)
    _Blocks(request, subjects, send).run()
    return Measured(start_s=stages.seconds["start_runtime"])


@contextmanager
def _failing_alone(subject: _Subject, send: Callable[[MeasurePart], None]) -> Iterator[None]:
    """Make of an error the end of this subject only."""
    try:
        yield
    except Exception as error:  # what a program does in its own process is its own failure
        failure = explained(error, "measure")
        if failure.stage == "connect":
            raise  # nothing more can be measured before the device is there again
        subject.broken = True
        send(Broken(subject=subject.number, failure=Failure.of(failure)))


class _Run(RunTask, Protocol):
    """Does a task of the native runner, too."""

    def __call__(self, task: Task | OutputsTask, answer: type[T], /) -> T:
        """Raise an `EtbenchError` where the process fails."""


class _Subject:
    """A program to measure, and how far it is; `broken` once it has failed."""

    def __init__(self, number: int, asked: Subject, request: MeasureRequest, emit: OnEvent) -> None:
        self.number = number
        self.asked = asked
        self.threads = asked.threads or available_cores()
        self.progress = Progress(asked.repeat)
        self.broken = False
        self.slow = False
        self._before: MachineNow | None = None
        self._machine = machine_of(asked, request.start)
        self._timeout_s = request.timeout_s
        self._emit = emit

    def check(self, send: Callable[[MeasurePart], None]) -> None:
        """Run the reference inputs and the passes beside the rounds, each in a process of its own."""
        asked, stages, inspection, evaluation = self.asked, Stages(self._tell), None, None
        with stages("parity"):
            check = self._check()
        if asked.evaluate.target:
            with stages("evaluate"):
                evaluation = self._run("evaluate")(
                    EvaluateTask(
                        folder=asked.folder,
                        threads=self.threads,
                        target=asked.evaluate.target,
                        options=asked.evaluate.options,
                    ),
                    Evaluation,
                )
        if asked.passes:
            # A first look with one round has one load, too.
            loads = min(asked.passes.load, asked.repeat.rounds)
            passes = msgspec.structs.replace(asked.passes, load=loads)
            with stages("inspect"):
                inspection = inspect_program(
                    asked.folder, self.threads, passes, profile=asked.profile, run=self._run("inspect")
                )
        send(
            Checked(
                subject=self.number,
                check=check,
                environment=self._machine.environment(threads=check.threads, runtimes=check.runtimes),
                inspection=inspection,
                evaluation=evaluation,
                stage_s=stages.seconds,
            )
        )

    def _check(self) -> CheckPass:
        """Compare with the reference what the runner that is to be timed makes of its inputs."""
        folder, threads, axis = self.asked.folder, self.threads, self.asked.logits_axis
        run = self._run("parity")
        if not (self.asked.runner or self.asked.phone):
            return run(CheckTask(folder=folder, threads=threads, logits_axis=axis), CheckPass)
        with tempfile.TemporaryDirectory() as scratch:
            file = str(Path(scratch) / "outputs.safetensors")
            told = run(OutputsTask(folder=folder, threads=threads, file=file), NativeOutputs)
            task = ParityTask(folder=folder, threads=threads, file=file, logits_axis=axis)
            return CheckPass(parity=run(task, Parity), threads=told.threads, runtimes=told.runtimes)

    def restore(self) -> None:
        """Go on from the rounds that an earlier process took."""
        self.progress.restore(self.asked.done)
        self.broken |= self.asked.over and self.progress.stopped_by is None

    def time_round(self, block: int, begun: float) -> Timed:
        """Time one round in a process of its own."""
        progress, start = self.progress, time.monotonic()
        if self._before is None:
            self._before = self._machine.now()
            self._tell(Event(kind="stage_started", stage="time"))
        task = RoundTask(
            folder=self.asked.folder,
            threads=self.threads,
            samples=progress.samples,
            at_least=max(1, progress.still_needed),
            warmup=self.asked.repeat.warmup,
            time_left_s=progress.left_s,
        )
        taken = self._run("time")(task, Round)
        taken = msgspec.structs.replace(taken, block=block, started_s=start - begun)
        seconds = time.monotonic() - start
        progress.add(taken, seconds)
        return Timed(subject=self.number, round=taken, seconds=seconds, planned=progress.planned)

    def end(self) -> Ended:
        """Tell that the timing is over."""
        seconds = self.progress.spent_s
        self._tell(Event(kind="stage_finished", stage="time", seconds=seconds))
        return Ended(
            subject=self.number,
            stopped_by=str(self.progress.stopped_by),
            own_blocks=self.slow,
            before=self._before or self._machine.now(),  # all its rounds were another process's
            after=self._machine.now(),
            seconds=seconds,
        )

    def _run(self, stage: str) -> _Run:
        """Return a function that does a task in a fresh process and tells when that takes long."""

        def waiting(seconds: float) -> None:
            progress(f"{STAGE_TEXT[stage]}: {seconds_text(seconds)} so far, not hanging")

        def progress(text: str) -> None:
            self._tell(Event(kind="progress", stage=stage, message=text))

        def run(task: Task | OutputsTask, answer: type[T], /) -> T:
            task = msgspec.structs.replace(task, runtime=self.asked.runtime)
            return self._machine.run(task, answer, supervision)

        supervision = Supervision(stage, waiting, progress, self._timeout_s, self.asked.log)
        return run

    def _tell(self, event: Event) -> None:
        self._emit(msgspec.structs.replace(event, cell=str(self.number)))


class _Blocks:
    """Times the subjects in turn: each block is one round of every subject, in random order.

    A subject and the base it is compared with are a team: they are in the same blocks to the end. The
    first block tells what a round of each costs. Teams that are too slow then go on in blocks of their own
    class, so that the quick ones stay close together in time.
    """

    def __init__(
        self, request: MeasureRequest, subjects: list[_Subject], send: Callable[[MeasurePart], None]
    ) -> None:
        self.send = send
        self.random = random.Random(request.seed)
        self.block_max_s = request.block_max_s
        bases = {subject.asked.base for subject in subjects}
        self.teams = [
            [subjects[subject.asked.base], subject] if subject.asked.base is not None else [subject]
            for subject in subjects
            if subject.number not in bases
        ]
        for team in self.teams:
            team[-1].progress.half_width = _half_width(team)
        for subject in subjects:
            subject.restore()
        done = [earlier for subject in subjects for earlier in subject.asked.done]
        self.block = max((earlier.round.block + 1 for earlier in done), default=0)
        self.reverse: list[_Subject] = []
        spent_s = max((earlier.round.started_s + earlier.seconds for earlier in done), default=0.0)
        self.begun = time.monotonic() - spent_s

    def run(self) -> None:
        """Time all rounds of all subjects."""
        self._end_finished(self.teams)  # those of which only the word was lost that they are over
        self._time_block([team for team in self.teams if _unfinished(team)])
        for team in self.teams:
            slow = max(subject.progress.round_s for subject in team) > self.block_max_s
            for subject in team:
                subject.slow = slow
        for slow in (False, True):
            while teams := [team for team in self.teams if team[0].slow is slow and _unfinished(team)]:
                self._time_block(teams)

    def _time_block(self, teams: list[list[_Subject]]) -> None:
        """Time a round of each member, in random order; the next block of the same members in its reverse.

        So what comes of the order, and of a steady drift, is alike for all of them after two blocks.
        """
        members = [subject for team in teams if _unfinished(team) for subject in team]
        order, self.reverse = self.reverse, []
        if {id(subject) for subject in order} != {id(subject) for subject in members}:
            order = self.random.sample(members, len(members))
            self.reverse = order[::-1]
        for subject in order:
            with _failing_alone(subject, self.send):
                self.send(subject.time_round(self.block, self.begun))
        self.block += 1
        self._end_finished(teams)

    def _end_finished(self, teams: list[list[_Subject]]) -> None:
        for team in teams:
            _agree(team)
            if not _unfinished(team) and not any(subject.broken for subject in team):
                for subject in team:
                    if not subject.asked.over:
                        self.send(subject.end())


def _agree(team: list[_Subject]) -> None:
    """Let a team end for one reason: that of the one that is compared, or that the time of any is up.

    More rounds of the one that has time left would need rounds of the other in the same blocks.
    """
    ended = [subject.progress.stopped_by for subject in team]
    if "max_seconds" in ended or None not in ended:
        for subject in team:
            subject.progress.stopped_by = "max_seconds" if "max_seconds" in ended else ended[-1]


def _unfinished(team: list[_Subject]) -> bool:
    """Tell whether a team has rounds to come; one whose member is broken has not."""
    if any(subject.broken for subject in team):
        return False
    return any(subject.progress.stopped_by is None for subject in team)


def _half_width(team: list[_Subject]) -> Callable[[], float | None]:
    """Return a function that tells how wide the interval of the last subject is by now."""
    new = team[-1].progress

    def alone() -> float | None:
        interval = location_interval([round_.samples_ms for round_ in new.rounds])
        return interval.half_width if interval else None

    def to_base() -> float | None:
        return paired_ratio(
            *in_turn(team[0].progress.rounds, new.rounds), confidence=ALARM_CONFIDENCE
        ).half_width

    return to_base if len(team) > 1 else alone


if __name__ == "__main__":
    serve(MeasureRequest, _handle)
