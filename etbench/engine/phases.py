"""The phases of a run, one after the other for all cells: build, check, time in turn, write the results."""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from statistics import median
from time import monotonic

import msgspec

from etbench.builder import Built, Cache, Job, OnJobDone, OnJobEvent, build_all
from etbench.config import Cell, Evaluate
from etbench.devices import place
from etbench.engine.baseline import Settings, base_recipe, find_base, kept_program, origin_of_rebuilt
from etbench.engine.cell_run import Program, Task
from etbench.engine.record import compared, measured
from etbench.errors import EtbenchError
from etbench.events import Event, Failure, Stages, explained
from etbench.measure import Round, Series, Subject, measure
from etbench.native import compile_runner

__all__ = ["FailFastError", "Phases"]

KEEP_EVERY_S = 5.0


class FailFastError(Exception):
    """A cell failed and the rest is not wanted."""


class Phases:
    """What is done to all cells, phase by phase: nothing is timed while anything is built."""

    def __init__(self, settings: Cell, cache: Cache | None, scratch: Path) -> None:
        self.settings = settings
        self.cache = cache
        self.scratch = scratch
        self.folders = 0
        self.runner: Path | None = None

    def do(self, tasks: Sequence[Task]) -> None:
        """Bring every task to its result."""
        for task in tasks:
            if reason := task.cell.impossible():
                task.finish(msgspec.structs.replace(task.blank, status="skipped", reason=reason))
        self._find_bases(_open(tasks))
        self._compile_runner([task for task in _open(tasks) if task.compiles_runner])
        self._build(_open(tasks))
        self._build_bases([task for task in _open(tasks) if task.base])
        alike: dict[bytes, list[Task]] = defaultdict(list)
        for task in _open(tasks):
            alike[msgspec.json.encode([task.cell.measure, task.cell.device])].append(task)
        for group in alike.values():
            self._measure(group, group[0].cell)

    def fail(self, task: Task, error: EtbenchError, rounds: Sequence[Round] = ()) -> None:
        """Make the failure of a cell its result; with `sweep.fail_fast` also the end of the run."""
        task.fail(error, rounds)
        if self.settings.sweep.fail_fast:
            raise FailFastError

    def _compile_runner(self, tasks: Sequence[Task]) -> None:
        """Have the native runner where a cell wants it, compiled now unless the cache has it."""
        if not tasks:
            return
        first = tasks[0]
        first.start()
        stages = Stages(first.emit)
        try:
            with stages("compile"):
                self.runner = compile_runner(
                    self.cache.native if self.cache and self.cache.writable() else self.scratch,
                    first.cell.runner.compilers,
                    scratch=self.scratch,
                    log=first.log,
                    on_wait=lambda: stages.progress("compile", "another etbench compiles it: waiting"),
                )
        except EtbenchError as error:
            for task in tasks:
                self.fail(task, error)

    def _find_bases(self, tasks: Sequence[Task]) -> None:
        for task in tasks:
            if task.cell.compare_to:
                try:
                    task.base = find_base(task.cell, task.cell.compare_to)
                except EtbenchError as error:
                    self.fail(task, error)

    def _build(self, tasks: Sequence[Task]) -> None:
        """Build each distinct program once, for all the cells that want it."""
        wanting: dict[bytes, list[Task]] = defaultdict(list)
        for task in tasks:
            wanting[msgspec.json.encode(task.cell.recipe, order="sorted")].append(task)
        jobs = {
            Job(first.cell.stem, first.cell.recipe, self._folder(), first.log): [first, *others]
            for first, *others in wanting.values()
        }

        def on_event(job: Job, event: Event) -> None:
            jobs[job][0].start()
            jobs[job][0].emit(event)

        def on_done(job: Job, what: Built | EtbenchError) -> None:
            for task in jobs[job]:
                task.start()
                if isinstance(what, EtbenchError):
                    self.fail(task, what)
                else:
                    task.has(Program(what, job.folder))
                    word = "taken from the cache" if what.from_cache else "built"
                    if task.blank.environment.node:
                        word = f"{word} on node {task.blank.environment.node[:12]}"
                    task.emit(Event(kind="program_ready", message=word))
                    if reason := task.cell.no_runtime():
                        task.finish(msgspec.structs.replace(task.blank, status="built", reason=reason))

        self._build_all(list(jobs), on_event, on_done)

    def _build_bases(self, tasks: Sequence[Task]) -> None:
        """Have the programs that cells are compared with: kept, cached, or built again."""
        jobs: dict[Job, Task] = {}
        for task in tasks:
            assert task.base is not None and task.program is not None
            folder = self._folder()
            try:
                task.base_program = kept_program(
                    task.base, task.program.built.artifact, task.program.folder, folder
                )
                if task.base_program is None:
                    recipe = base_recipe(task.base, task.cell)
                    jobs[Job(task.cell.stem, recipe, folder, task.log)] = task
            except (EtbenchError, OSError) as error:
                self.fail(task, explained(error, "compare_to"))

        def on_done(job: Job, what: Built | EtbenchError) -> None:
            task = jobs[job]
            if isinstance(what, EtbenchError):
                self.fail(task, what)
            elif task.base:
                task.base_program = job.folder, origin_of_rebuilt(task.base, what)

        self._build_all(list(jobs), lambda job, event: jobs[job].emit(event), on_done)

    def _build_all(self, jobs: list[Job], on_event: OnJobEvent, on_done: OnJobDone) -> None:
        build_all(
            jobs,
            cache=self.cache,
            builders=self.settings.sweep.builders,
            timeout_s=self.settings.build.timeout_s,
            max_bytes=int(self.settings.build.max_gb * 1e9) if self.settings.build.max_gb else None,
            scratch=self.scratch,
            on_event=on_event,
            on_done=on_done,
        )

    def _folder(self) -> Path:
        """Return a new folder for the files of a program."""
        self.folders += 1
        folder = self.scratch / f"program-{self.folders}"
        folder.mkdir()
        return folder

    def _measure(self, tasks: Sequence[Task], how: Cell) -> None:
        listener = _Listener(self, tasks)
        try:
            measure(
                listener.subjects,
                how.measure,
                listener,
                place_for=partial(place, how.device, scratch=self.scratch, log=tasks[0].log),
                log=tasks[0].log,
            )
        finally:
            listener.keep_all()


class _Listener:
    """Turns what is heard of the subjects of a measurement into results of their cells."""

    def __init__(self, run: Phases, tasks: Sequence[Task]) -> None:
        self.run = run
        self.turn_id = uuid.uuid4().hex[:12]
        self.subjects: list[Subject] = []
        self.tasks: list[Task] = []  # by subject
        self.bases: dict[int, Series] = {}
        self.rounds: dict[int, list[Round]] = {}  # taken, of cells that are not over
        self.kept_at = monotonic()
        for task in tasks:
            assert task.program is not None
            own, base = Settings.of(task.cell), None
            if task.base and task.base_program:
                base = len(self.subjects)
                self._add(task, task.base_program[0], task.base.settings, None)
            self._add(task, task.program.folder, own, base, inspected=True)

    def on_event(self, subject: int | None, event: Event) -> None:
        """Pass an event on to its cell; one of all cells to the first, as is one of a base to none."""
        if subject is None:
            self.tasks[0].emit(event)
        elif not self._is_base(subject):
            self.tasks[subject].emit(event)

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        """Tell how far a cell is, and keep from time to time what there is."""
        if self._is_base(subject):
            return
        self.rounds[subject] = rounds
        medians = [median(taken.samples_ms) for taken in rounds]
        self.tasks[subject].emit(
            Event(
                kind="round",
                stage="time",
                done=len(rounds),
                of=max(planned, len(rounds)),
                p50_ms=median(medians),
                round_ms=medians[-1],
            )
        )
        if monotonic() - self.kept_at > KEEP_EVERY_S:
            self.keep_all()

    def on_end(self, subject: int, series: Series) -> None:
        """Write the result of a cell that is complete."""
        if self._is_base(subject):
            self.bases[subject] = series
            return
        task = self.tasks[subject]
        assert task.program is not None
        result = measured(task.cell, task.blank, task.program.built, series, self.turn_id)
        base = self.subjects[subject].base
        if base is not None:
            assert task.base is not None and task.base_program is not None
            origin = ", with its own ".join(
                filter(None, [task.base_program[1], task.base.settings.unlike(Settings.of(task.cell))])
            )
            result = compared(task.cell, result, task.base, origin, self.bases[base])
        self.rounds.pop(subject, None)
        task.finish(result)

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        """Write the result of a cell that failed, or whose base did."""
        if self._is_base(subject):
            of_base = msgspec.structs.replace(Failure.of(error), message=f"the base: {error.message}")
            subject, error, rounds = subject + 1, of_base.error(), self.rounds.get(subject + 1, [])
        self.rounds.pop(subject, None)
        if self.tasks[subject].outcome is None:
            self.run.fail(self.tasks[subject], error, rounds)

    def keep_all(self) -> None:
        """Keep the rounds of all cells that are not over."""
        for subject, rounds in self.rounds.items():
            self.tasks[subject].keep(rounds)
        self.kept_at = monotonic()

    def _add(
        self, task: Task, folder: Path, how: Settings, base: int | None, *, inspected: bool = False
    ) -> None:
        assert task.program is not None
        self.tasks.append(task)
        self.subjects.append(
            Subject(
                folder=str(folder),
                repeat=task.cell.repeat,
                threads=how.threads,
                logits_axis=task.program.built.artifact.logits_axis,
                log=str(task.log.absolute()),
                runtime=how.runtime,
                runner=str(self.run.runner) if task.cell.compiles(how.runner) else None,
                base=base,
                passes=task.cell.passes if inspected else None,
                profile=task.cell.profile and inspected,
                evaluate=task.cell.evaluate if inspected else Evaluate(),
            )
        )

    def _is_base(self, subject: int) -> bool:
        return subject + 1 < len(self.subjects) and self.subjects[subject + 1].base == subject


def _open(tasks: Sequence[Task]) -> list[Task]:
    return [task for task in tasks if task.outcome is None]
