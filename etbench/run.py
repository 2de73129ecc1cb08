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
from statistics import median
from time import perf_counter

import msgspec

from etbench.build import Artifact, build
from etbench.build.artifact import program_path
from etbench.config import Cell
from etbench.errors import ConfigError, EtbenchError
from etbench.events import Event, OnEvent, Stages, explained
from etbench.measure import Measurement, measure
from etbench.measure.environment import available_cores, read_environment
from etbench.results.schema import Failure, Requested, Result
from etbench.results.store import write_result
from etbench.stats import summarize

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
    if faults := cell.file_faults():
        raise ConfigError(faults)
    out = Path(out_dir)
    log = Path(log_dir or out) / "etbench.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    emit = _emitter(cell, log, on_event)
    start = perf_counter()
    emit(Event(kind="cell_started", message=cell.cell_id))
    stages = Stages(emit)
    with _scratch_folder() as folder:
        blank = _blank(cell, log_file=os.path.relpath(log, out))
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
        artifact = build(cell.recipe, folder, log=log, on_event=stages.emit)
        threads = cell.threads or available_cores()
        measurement = measure(artifact, folder, cell.repeat, threads, log=log, on_event=stages.emit)
    except Exception as error:  # the one place where a cell's failure becomes its result
        return _failed(blank, explained(error, "run"))
    return _measured(cell, blank, artifact, measurement)


def _measured(cell: Cell, blank: Result, artifact: Artifact, measurement: Measurement) -> Result:
    rounds = [taken.samples_ms for taken in measurement.rounds]
    latency = summarize(rounds)
    return msgspec.structs.replace(
        blank,
        status="ok",
        repeat=sum(len(samples) for samples in rounds),
        warmup=min(taken.warmup for taken in measurement.rounds),
        latency_ms=latency,
        truncated=measurement.truncated,
        rounds=rounds,
        throughput_per_s=artifact.batch * 1e3 / latency.p50,
        load_ms=median(taken.load_ms for taken in measurement.rounds),
        first_inference_ms=median(taken.first_inference_ms for taken in measurement.rounds),
        memory=measurement.check.memory,
        artifact=artifact,
        parity=measurement.check.parity,
        weights=artifact.weights,
        pte_file=f"{cell.stem}.pte" if cell.keep_pte else None,
        stage_s=artifact.build_s | measurement.stage_s,
        environment=read_environment(threads=measurement.check.threads),
    )


def _blank(cell: Cell, log_file: str) -> Result:
    """Return what is known of the result before anything is done."""
    return Result(
        model_name=cell.model.name,
        model_type=cell.model.type,
        precision=cell.precision.label,
        precision_short=cell.precision.name,
        delegate=cell.delegate.name,
        repeat=0,
        warmup=0,
        latency_ms=None,
        cell_id=cell.cell_id,
        created_at=datetime.now(UTC).isoformat(timespec="seconds"),
        status="failed",
        weights=cell.model.weights,
        requested=Requested(**msgspec.structs.asdict(cell.repeat)),
        log_file=log_file,
        environment=read_environment(threads=None),
        config=cell.config,
    )


def _failed(blank: Result, error: EtbenchError) -> Result:
    failure = Failure(
        stage=error.stage,
        kind=error.kind,
        message=error.message,
        hint=error.hint,
        traceback=error.traceback,
    )
    return msgspec.structs.replace(blank, status="failed", failure=failure)


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
