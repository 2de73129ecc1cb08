"""The phases of a run, one after the other for all cells: build, check, time interleaved, write results."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import msgspec

from etbench.builder import Built, Cache, Job, OnJobDone, OnJobEvent, build_all
from etbench.builder.cache import cache_folder, native_folder
from etbench.config import Cell
from etbench.devices import place
from etbench.devices.board_preparation import BoardRunner, prepare_board
from etbench.engine.baseline import base_recipe, find_base, kept_program, rebuilt_program
from etbench.engine.cell_run import CellRun, Program
from etbench.engine.measuring import Measuring
from etbench.engine.other_interpreter import other_interpreter
from etbench.errors import EtbenchError, NotApplicableError
from etbench.events import Event, Stages, explained
from etbench.measure import Round, measure
from etbench.native import compile_runner
from etbench.results.schema import Result

__all__ = ["FailFastError", "Phases", "measured_together"]


MIXED_FORKS = EtbenchError(
    "measure.start=fork: rounds of several interpreters that are interleaved can only be spawned",
    stage="config",
    hint="leave measure.start=auto, or measure each env by itself",
)


class FailFastError(Exception):
    """A cell failed or is wrong, and `sweep.fail_fast` ends the run."""


class Phases:
    """Processes all cells, phase by phase: nothing is timed while anything is built."""

    def __init__(self, settings: Cell, cache: Cache | None, scratch: Path) -> None:
        self.settings = settings
        self.cache = cache
        self.scratch = scratch
        self.folders = 0
        self.runners: dict[str | None, Path] = {}  # by the interpreter whose libraries they use
        self.board_runners: dict[bytes, BoardRunner] = {}  # by device
        self.compared = 0  # cells with a baseline, which are judged as one family

    def do(self, runs: Sequence[CellRun]) -> None:
        """Produce the result of every run."""
        for run in runs:
            if reason := run.cell.impossible():
                run.finish(msgspec.structs.replace(run.blank, status="skipped", reason=reason))
        self._find_bases(_open(runs))
        self._refuse_forks(_open(runs))
        self._compile_runners(_open(runs))
        self._prepare_boards([run for run in _open(runs) if run.cell.board])
        self._build(_open(runs))
        self._build_bases([run for run in _open(runs) if run.base])
        for group in measured_together(_open(runs)):
            self._measure(group, group[0].cell)

    def finish(self, run: CellRun, result: Result) -> None:
        """Write the result of a cell; with `sweep.fail_fast`, a wrong one ends the run."""
        run.finish(result)
        if self.settings.sweep.fail_fast and run.outcome and run.outcome.result.status == "wrong":
            raise FailFastError

    def fail(self, run: CellRun, error: EtbenchError, rounds: Sequence[Round] = ()) -> None:
        """Write the failure as the result of a cell; with `sweep.fail_fast`, also end the run."""
        run.fail(error, rounds)
        if self.settings.sweep.fail_fast:
            raise FailFastError

    def _compile_runners(self, runs: Sequence[CellRun]) -> None:
        """Get the native runners that cells and their baselines need: from the cache, or compiled now."""
        wanting: dict[str | None, list[CellRun]] = defaultdict(list)
        for run in runs:
            for env in run.compiled_for:
                wanting[env].append(run)
        for env, those in wanting.items():
            self._compile_runner(env, _open(those))

    def _compile_runner(self, env: str | None, runs: Sequence[CellRun]) -> None:
        if not runs:
            return
        cell = runs[0].cell
        with self._compiling(runs) as (log, on_wait):
            self.runners[env] = compile_runner(
                self._native, cell.runner.compilers, scratch=self.scratch, log=log, on_wait=on_wait, env=env
            )

    def _prepare_boards(self, runs: Sequence[CellRun]) -> None:
        """Get a runner for each machine that needs no Python, before anything is built for it."""
        devices: dict[bytes, list[CellRun]] = defaultdict(list)
        for run in runs:
            devices[msgspec.json.encode(run.cell.device)].append(run)
        for key, group in devices.items():
            cell = group[0].cell
            assert cell.board is not None
            with self._compiling(group) as (log, on_wait):
                self.board_runners[key] = prepare_board(
                    cell.board,
                    cell.runner.compilers,
                    fetched=native_folder(cache_folder(cell.cache.dir)),
                    folder=self._native,
                    scratch=self.scratch,
                    log=log,
                    on_wait=on_wait,
                )

    @contextmanager
    def _compiling(self, runs: Sequence[CellRun]) -> Iterator[tuple[Path, Callable[[], None]]]:
        """Report that a runner is compiled, and make an error the failure of all cells that need it."""
        first = runs[0]
        first.start()
        stages = Stages(first.emit)
        try:
            with stages("compile"):
                yield (
                    first.log,
                    lambda: stages.progress("compile", "waiting: another etbench is compiling the runner"),
                )
        except EtbenchError as error:
            for run in runs:
                self.fail(run, error)

    @property
    def _native(self) -> Path:
        """The folder of compiled runners."""
        return self.cache.native if self.cache and self.cache.writable() else self.scratch

    def _find_bases(self, runs: Sequence[CellRun]) -> None:
        for run in runs:
            if run.cell.compare_to:
                try:
                    run.base = find_base(run.cell, run.cell.compare_to)
                    other_interpreter(run.base.settings.env)  # which may be gone
                except EtbenchError as error:
                    self.fail(run, error)
        self.compared = sum(run.base is not None for run in runs)

    def _refuse_forks(self, runs: Sequence[CellRun]) -> None:
        """Fail cells whose rounds must be forked although they are interleaved with another interpreter's."""
        for group in measured_together(runs):
            envs = {how.env for run in group for how in run.ways}
            if group[0].cell.measure.start == "fork" and len(envs) > 1:
                for run in group:
                    self.fail(run, MIXED_FORKS)

    def _build(self, runs: Sequence[CellRun]) -> None:
        """Build each distinct program once, for all cells that need it."""
        wanting: dict[bytes, list[CellRun]] = defaultdict(list)
        for run in runs:
            wanting[msgspec.json.encode(run.cell.recipe, order="sorted")].append(run)
        jobs = {
            Job(first.cell.stem, first.cell.recipe, self._folder(), first.log): [first, *others]
            for first, *others in wanting.values()
        }

        def on_event(job: Job, event: Event) -> None:
            jobs[job][0].start()
            jobs[job][0].emit(event)

        def on_done(job: Job, what: Built | EtbenchError) -> None:
            for run in jobs[job]:
                run.start()
                if isinstance(what, NotApplicableError):
                    run.finish(msgspec.structs.replace(run.blank, status="skipped", reason=what.message))
                elif isinstance(what, EtbenchError):
                    self.fail(run, what)
                else:
                    run.has(Program(what, job.folder))
                    word = "taken from the cache" if what.from_cache else "built"
                    if run.blank.environment.node:
                        word = f"{word} on node {run.blank.environment.node[:12]}"
                    run.ready(word)
                    if reason := run.cell.no_runtime():
                        run.finish(msgspec.structs.replace(run.blank, status="built", reason=reason))

        self._build_all(list(jobs), on_event, on_done)

    def _build_bases(self, runs: Sequence[CellRun]) -> None:
        """Get the programs that cells are compared with: kept, cached, or built again."""
        jobs: dict[Job, CellRun] = {}
        for run in runs:
            assert run.base is not None and run.program is not None
            folder = self._folder()
            try:
                run.base_program = kept_program(
                    run.base, run.program.built.artifact, run.program.folder, folder
                )
                if run.base_program is None:
                    recipe = base_recipe(run.base, run.cell)
                    jobs[Job(run.cell.stem, recipe, folder, run.log)] = run
            except (EtbenchError, OSError) as error:
                self.fail(run, explained(error, "compare_to"))

        def on_done(job: Job, what: Built | EtbenchError) -> None:
            run = jobs[job]
            if isinstance(what, EtbenchError):
                self.fail(run, what)
            elif run.base:
                run.base_program = rebuilt_program(run.base, what, job.folder)

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

    def _measure(self, runs: Sequence[CellRun], how: Cell) -> None:
        device = msgspec.json.encode(how.device)
        measuring = Measuring(
            runs, runners=self.runners, finish=self.finish, fail=self.fail, family=max(1, self.compared)
        )
        try:
            measure(
                measuring.subjects,
                how.measure,
                measuring,
                place_for=partial(
                    place,
                    how.device,
                    scratch=self.scratch,
                    log=runs[0].log,
                    board_runner=self.board_runners.get(device) if how.board else None,
                ),
                log=runs[0].log,
                decide_max_s=self.settings.sweep.decide_max_s,
            )
        finally:
            measuring.keep_all()


def measured_together(runs: Sequence[CellRun]) -> list[list[CellRun]]:
    """Return the cells of each request to a measuring process; a board has one of its own."""
    alike: dict[bytes, list[CellRun]] = defaultdict(list)
    for run in runs:
        how = [run.cell.measure, run.cell.device, run.cell.board is not None]
        alike[msgspec.json.encode(how)].append(run)
    return list(alike.values())


def _open(runs: Sequence[CellRun]) -> list[CellRun]:
    return [run for run in runs if run.outcome is None]
