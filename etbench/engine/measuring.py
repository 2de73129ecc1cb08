"""Cells while they are measured: turn the events of their programs into results."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import median
from time import monotonic

import msgspec

from etbench.config import Cell, Evaluate
from etbench.engine.baseline import Settings
from etbench.engine.cell_run import CellRun
from etbench.engine.other_interpreter import other_interpreter
from etbench.engine.record import compared, measured
from etbench.errors import EtbenchError
from etbench.events import Event, Failure
from etbench.measure import Decide, Round, Series, Subject
from etbench.results.schema import Result

__all__ = ["Measuring"]

KEEP_EVERY_S = 5.0
Finish = Callable[[CellRun, Result], None]
Fail = Callable[[CellRun, EtbenchError, Sequence[Round]], None]


@dataclass
class _InTurn:
    """A cell that is measured, with the baseline that is interleaved with it, if it has one.

    `rounds` are those of the cell until it is finished, `base` is the whole series of the baseline.
    """

    run: CellRun
    rounds: list[Round] = field(default_factory=list)
    base: Series | None = None


@dataclass(frozen=True)
class _Role:
    """The role of a subject of the measurement: the program of a cell, or of its baseline."""

    of: _InTurn
    is_baseline: bool


class Measuring:
    """Turns the events of the subjects of a measurement into results of their cells.

    Args:
        runs: the cells, whose programs are built.
        runners: the executables of the native runner, by the interpreter whose libraries they use.
        finish: writes the result of a cell.
        fail: writes an error as the result of a cell.
        family: how many cells of the run are compared with a baseline.

    """

    def __init__(
        self,
        runs: Sequence[CellRun],
        *,
        runners: Mapping[str | None, Path],
        finish: Finish,
        fail: Fail,
        family: int = 1,
    ) -> None:
        self.subjects: list[Subject] = []
        self._roles: list[_Role] = []  # by subject
        self._runners = runners
        self._finish = finish
        self._fail = fail
        self._family = family
        self._turn_id = uuid.uuid4().hex[:12]
        self._kept_at = monotonic()
        for run in runs:
            self._add(_InTurn(run))

    def on_event(self, subject: int | None, event: Event) -> None:
        """Pass an event on to its cell; a common event goes to the first cell, that of a baseline to none."""
        role = self._roles[subject or 0]
        if subject is None or not role.is_baseline:
            role.of.run.emit(event)

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        """Report the progress of a cell, and save the rounds from time to time."""
        role = self._roles[subject]
        if role.is_baseline:
            return
        role.of.rounds = rounds
        medians = [median(taken.samples_ms) for taken in rounds]
        role.of.run.emit(
            Event(
                kind="round",
                stage="time",
                done=len(rounds),
                of=max(planned, len(rounds)),
                p50_ms=median(medians),
                round_ms=medians[-1],
            )
        )
        if monotonic() - self._kept_at > KEEP_EVERY_S:
            self.keep_all()

    def on_end(self, subject: int, series: Series) -> None:
        """Write the result of a complete cell; its baseline is completed before it."""
        of = self._roles[subject].of
        if self._roles[subject].is_baseline:
            of.base = series
            return
        run = of.run
        assert run.program is not None
        result = measured(run.cell, run.blank, run.program.built, series, self._turn_id)
        if of.base is not None:
            assert run.base is not None and run.base_program is not None
            unlike = run.base.settings.unlike(Settings.of(run.cell))
            origin = ", with its own ".join(filter(None, [run.base_program.origin, unlike]))
            program = replace(run.base_program, origin=origin)
            result = compared(
                run.cell, result, run.base, program, of.base, family=self._family, looks=series.looks
            )
        of.rounds = []
        self._finish(run, result)

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        """Write the result of a cell that failed, or whose baseline did."""
        of = self._roles[subject].of
        if self._roles[subject].is_baseline:
            failure = msgspec.structs.replace(Failure.of(error), message=f"the baseline: {error.message}")
            error, rounds = failure.error(), of.rounds
        of.rounds = []
        if of.run.outcome is None:
            self._fail(of.run, error, rounds)

    def keep_all(self) -> None:
        """Save the rounds of all cells that are not finished."""
        for role in self._roles:
            if role.of.rounds and not role.is_baseline:
                role.of.run.keep(role.of.rounds)
        self._kept_at = monotonic()

    def _add(self, of: _InTurn) -> None:
        """Add a cell as a subject, after its baseline if it has one."""
        run = of.run
        assert run.program is not None
        base = None
        if run.base and run.base_program:
            base = len(self.subjects)
            self._roles.append(_Role(of, is_baseline=True))
            self.subjects.append(self._subject(run, run.base_program.folder, run.base.settings))
        subject = self._subject(run, run.program.folder, Settings.of(run.cell))
        self._roles.append(_Role(of, is_baseline=False))
        self.subjects.append(
            msgspec.structs.replace(
                subject,
                base=base,
                decide=self._question(run.cell),
                passes=run.cell.passes,
                profile=run.cell.profile,
                evaluate=run.cell.evaluate,
                data_use=run.program.built.artifact.data_use,
                timed_sizes=run.program.built.artifact.timed_sizes,
            )
        )

    def _question(self, cell: Cell) -> Decide | None:
        """Return what the comparison of a cell must answer; None for one that has its number of rounds."""
        if cell.repeat.until == "planned" or cell.repeat.target_ci is not None:
            return None
        return Decide(threshold=cell.fail_above, family=self._family)

    def _subject(self, run: CellRun, folder: Path, how: Settings) -> Subject:
        """Return a program to time, without the additional passes."""
        assert run.program is not None
        return Subject(
            folder=str(folder),
            repeat=run.cell.repeat,
            threads=how.threads,
            logits_axis=run.program.built.artifact.logits_axis,
            log=str(run.log.absolute()),
            runtime=how.runtime,
            executor=run.cell.delegate.executor,
            runner=str(self._runners[how.env]) if run.cell.compiles(how.runner) else None,
            other_interpreter=other_interpreter(how.env),
            evaluate=Evaluate(),
        )
