"""A program that is measured: its passes, its rounds and its progress."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol, TypeVar

import msgspec
from msgspec import Struct

from etbench.events import Event, Failure, OnEvent, Stages, explained
from etbench.host.environment import Environment, available_cores
from etbench.host.load import MachineNow
from etbench.measure.pass_results import Evaluation, SizeLatency
from etbench.measure.protocol import (
    Broken,
    Checked,
    CheckPass,
    Compared,
    Ended,
    MeasurePart,
    MeasureRequest,
    NativeOutputs,
    Round,
    Subject,
    Timed,
)
from etbench.measure.worker.inspection import RunTask, inspect_program
from etbench.measure.worker.machine import machine_of
from etbench.measure.worker.progress import Progress
from etbench.measure.worker.sizes import time_sizes
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import (
    CheckTask,
    EvaluateTask,
    NativeTask,
    OutputsTask,
    ParityTask,
    RoundTask,
    Task,
)
from etbench.stats.looks import Look
from etbench.system.printed import adding_printed, log_or_stderr
from etbench.text import seconds_text

__all__ = ["RunningSubject", "failing_alone"]

STAGE_TEXT = {
    "parity": "running the reference inputs",
    "evaluate": "evaluating the accuracy",
    "inspect": "measuring the load, memory, energy or operators",
    "sizes": "timing other sizes of the inputs",
    "time": "this round",
}

T = TypeVar("T", bound=Struct)


class _Run(RunTask, Protocol):
    """Runs a task of the native runner, too."""

    def __call__(self, task: Task | NativeTask, answer: type[T], /) -> T:
        """Raise an `EtbenchError` if the process fails."""


class RunningSubject:
    """A program to measure, and its progress; it is `broken` once it has failed, `over` once it has ended."""

    def __init__(self, number: int, asked: Subject, request: MeasureRequest, emit: OnEvent) -> None:
        self.number = number
        self.asked = asked
        self.threads = asked.threads or available_cores()
        self.progress = Progress(asked.repeat)
        self.broken = False
        self.over = asked.over
        self.slow = False
        self._before: MachineNow | None = None
        self._machine = machine_of(asked, request.start)
        self._timeout_s = request.timeout_s
        self._emit = emit

    def check(self, send: Callable[[MeasurePart], None]) -> None:
        """Run the reference inputs and the passes other than the rounds, each in a separate process."""
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
                        data_use=asked.data_use,
                    ),
                    Evaluation,
                )
        if asked.passes:
            # A quick run with one round has one load, too.
            loads = min(asked.passes.load, asked.repeat.rounds)
            passes = msgspec.structs.replace(asked.passes, load=loads)
            with stages("inspect"):
                inspection = inspect_program(
                    asked.folder,
                    self.threads,
                    passes,
                    profile=asked.profile,
                    first_load=check.load,
                    run=self._run("inspect"),
                )
        sizes: list[SizeLatency] = []
        if asked.timed_sizes:
            with stages("sizes"):
                sizes = time_sizes(asked, self.threads, self._run("sizes"))
        send(
            Checked(
                subject=self.number,
                check=check,
                environment=self._environment(check),
                inspection=inspection,
                evaluation=evaluation,
                other_sizes=sizes,
                stage_s=stages.seconds,
            )
        )

    def _check(self) -> CheckPass:
        """Run the reference inputs with the runner that is timed, and compare its outputs."""
        folder, threads, axis = self.asked.folder, self.threads, self.asked.logits_axis
        run = self._run("parity")
        if not (self.asked.runner or self.asked.remote):
            return run(CheckTask(folder=folder, threads=threads, logits_axis=axis), CheckPass)
        with tempfile.TemporaryDirectory() as scratch:
            file = str(Path(scratch) / "outputs.safetensors")
            told = run(OutputsTask(folder=folder, threads=threads, file=file), NativeOutputs)
            task = ParityTask(folder=folder, threads=threads, file=file, logits_axis=axis)
            compared = run(task, Compared)
            return CheckPass(
                parity=compared.parity,
                other_sizes=compared.other_sizes,
                threads=told.threads,
                runtimes=told.runtimes,
            )

    def _environment(self, check: CheckPass) -> Environment:
        facts = self._machine.environment(check)
        return msgspec.structs.replace(
            facts,
            busy_threads=check.busy_threads,
            runtime=check.runtime.name,
            runtime_version=check.runtime.version or facts.libraries.get(check.runtime.name),
        )

    def time_round(self, block: int, begun: float) -> Timed:
        """Time one round in a separate process."""
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
            inferences_per_sample=progress.inferences_per_sample,
            time_left_s=progress.left_s,
        )
        taken = self._run("time")(task, Round)
        taken = msgspec.structs.replace(taken, block=block, started_s=start - begun)
        seconds = time.monotonic() - start
        progress.add(taken, seconds)
        return Timed(subject=self.number, round=taken, seconds=seconds, planned=progress.planned)

    def end(self, looks: list[Look]) -> Ended:
        """Report that the timing has finished, with the looks at the comparison."""
        self.over = True
        seconds = self.progress.spent_s
        self._tell(Event(kind="stage_finished", stage="time", seconds=seconds))
        return Ended(
            subject=self.number,
            stopped_by=str(self.progress.stopped_by),
            looks=looks,
            own_blocks=self.slow,
            before=self._before or self._machine.now(),  # None if another process measured all rounds
            after=self._machine.now(),
            seconds=seconds,
        )

    def run_task(self, stage: str, task: Task, answer: type[T]) -> T:
        """Run one task in a fresh process.

        Raises:
            EtbenchError: if the process fails.

        """
        return self._run(stage)(task, answer)

    def _run(self, stage: str) -> _Run:
        """Return a function that runs a task in a fresh process and reports when that takes long."""

        def waiting(seconds: float) -> None:
            progress(f"{STAGE_TEXT[stage]}: still running after {seconds_text(seconds)}")

        def progress(text: str) -> None:
            self.say(stage, text)

        def run(task: Task | NativeTask, answer: type[T], /) -> T:
            task = msgspec.structs.replace(task, runtime=self.asked.runtime, executor=self.asked.executor)
            with log_or_stderr(self.asked.log) as log, adding_printed(log):
                return self._machine.run(task, answer, dataclasses.replace(supervision, log=log))

        supervision = Supervision(stage, waiting, progress, self._timeout_s, self.asked.log)
        return run

    def say(self, stage: str, text: str) -> None:
        """Report progress within a stage."""
        self._tell(Event(kind="progress", stage=stage, message=text))

    def _tell(self, event: Event) -> None:
        self._emit(msgspec.structs.replace(event, cell=str(self.number)))


@contextmanager
def failing_alone(subject: RunningSubject, send: Callable[[MeasurePart], None]) -> Iterator[None]:
    """Make an error the failure of this subject only."""
    try:
        yield
    except Exception as error:  # a failure of one program does not affect the others
        failure = explained(error, "measure")
        if failure.stage == "connect":
            raise  # nothing more can be measured until the device is connected again
        subject.broken = True
        send(Broken(subject=subject.number, failure=Failure.of(failure)))
