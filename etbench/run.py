"""One cell, from its recipe to its result file."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec

from etbench.against import Base, find_base, program_of
from etbench.build import Artifact, build
from etbench.build.artifact import program_path
from etbench.config import Cell
from etbench.errors import ConfigError
from etbench.events import Event, OnEvent, Stages, explained
from etbench.measure import Measurement, Series, Subject, measure
from etbench.measure.environment import available_cores
from etbench.record import blank_result, built, facts, failed, measured
from etbench.results.compare import common_blocks, compare_in_turn
from etbench.results.schema import InTurn, Result
from etbench.results.store import write_result

__all__ = ["Outcome", "run"]


@dataclass(frozen=True)
class Outcome:
    """What a cell came to: its result, and the file that holds it."""

    result: Result
    path: Path


def run(
    cell: Cell,
    *,
    out_dir: str | Path = "outputs",
    log_dir: str | Path | None = None,
    on_event: OnEvent | None = None,
) -> Outcome:
    """Build, check and time one cell, and write its result.

    A failure of the cell is not raised: it is its result, with status ``failed``.

    Args:
        cell: from `etbench.compose` or `etbench.config.parse`.
        out_dir: folder of the result file, which is named ``{model}_{precision}_{delegate}.json``.
        log_dir: folder of ``etbench.log`` with all that the libraries print; `out_dir` if not given.
        on_event: is called with each `etbench.events.Event` as it happens.

    Raises:
        ConfigError: before any work, if a file that the cell names is not there.

    """
    if faults := cell.missing_here():
        raise ConfigError(faults)
    out = Path(out_dir)
    log = Path(log_dir or out) / "etbench.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    emit = _emitter(cell, log, on_event)
    start = perf_counter()
    emit(Event(kind="cell_started", message=cell.cell_id))
    stages = Stages(emit)
    with _scratch_folder() as folder:
        blank = blank_result(cell, log_file=os.path.relpath(log, out))
        result = _result(cell, blank, folder, log, stages)
        with stages("result"):
            path = write_result(result, out, cell.stem)
            if cell.keep_pte and result.pte_file:
                shutil.move(program_path(folder), path.with_suffix(".pte"))
    emit(Event(kind="cell_finished", status=result.status, message=str(path), seconds=perf_counter() - start))
    return Outcome(result, path)


def _result(cell: Cell, blank: Result, folder: Path, log: Path, stages: Stages) -> Result:
    """Return the result of the cell, whatever happens short of the end of this process."""
    if reason := cell.impossible():
        return msgspec.structs.replace(blank, status="skipped", reason=reason)
    try:
        base = find_base(cell, cell.compare_to) if cell.compare_to else None
        artifact = build(cell.recipe, folder, log=log, on_event=stages.emit)
        if reason := cell.delegate.no_runtime:
            return built(blank, artifact, reason)
        if base is None:
            (own,), measurement = _measure(cell, [(artifact, folder)], log, stages)
            return measured(cell, blank, artifact, own, measurement)
        base_folder, origin = program_of(base, cell, artifact, folder, log=log, on_event=stages.emit)
        (old, own), measurement = _measure(cell, [(artifact, base_folder), (artifact, folder)], log, stages)
        result = measured(cell, blank, artifact, own, measurement)
        return msgspec.structs.replace(result, in_turn=_compared(cell, result, base, origin, old))
    except Exception as error:  # the one place where a cell's failure becomes its result
        return failed(blank, explained(error, "run"))


def _measure(
    cell: Cell, programs: list[tuple[Artifact, Path]], log: Path, stages: Stages
) -> tuple[list[Series], Measurement]:
    """Measure one program, or two in turn."""
    subjects = [
        Subject(
            folder=str(folder),
            repeat=cell.repeat,
            threads=cell.threads or available_cores(),
            logits_axis=artifact.logits_axis,
        )
        for artifact, folder in programs
    ]
    measurement = measure(
        subjects,
        cell.measure,
        together=len(subjects) > 1,
        scratch=programs[-1][1],
        log=log,
        on_event=stages.emit,
    )
    return measurement.series, measurement


def _compared(cell: Cell, result: Result, base: Base, origin: str, old: Series) -> InTurn:
    base_facts, rounds = [facts(taken) for taken in old.rounds], [taken.samples_ms for taken in old.rounds]
    blocks = common_blocks(base_facts, rounds, result.round_facts, result.rounds)
    return InTurn(
        base_file=str(base.path),
        base_program=origin,
        threshold=cell.fail_above,
        comparison=compare_in_turn(result, *blocks, threshold=cell.fail_above),
        base_rounds=rounds,
        base_facts=base_facts,
    )


def _emitter(cell: Cell, log: Path, on_event: OnEvent | None) -> OnEvent:
    """Return a callback that names the cell in each event, logs it and passes it on."""

    def emit(event: Event) -> None:
        event = msgspec.structs.replace(event, cell=cell.stem)
        with log.open("a", encoding="utf-8") as file:
            stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
            took = "" if event.seconds is None else f" {event.seconds:.3f} s"
            words = (event.kind, event.stage, event.status, event.message)
            file.write(f"[{stamp}] {event.cell}: {' '.join(filter(None, words))}{took}\n")
        if on_event:
            on_event(event)

    return emit


@contextlib.contextmanager
def _scratch_folder() -> Iterator[Path]:
    """Give a folder for the artifact that is gone afterwards, however the cell ends."""
    with tempfile.TemporaryDirectory(prefix="etbench-") as folder:
        yield Path(folder)
