"""The state of one cell during a run: its events, its data so far, and its result file."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter

import msgspec

from etbench.artifact import program_path
from etbench.builder import Built
from etbench.config import Cell
from etbench.config.model_data import data_words, weights_words
from etbench.config.sections import UNDECLARED
from etbench.engine.baseline import Baseline, BaseProgram, Settings
from etbench.engine.record import blank_result, failed
from etbench.errors import EtbenchError
from etbench.events import Event, OnEvent, Stages
from etbench.measure import Round
from etbench.redaction import without_secrets
from etbench.results.checks import judged
from etbench.results.files.anonymous import anonymous
from etbench.results.files.store import with_program_of, write_result
from etbench.results.schema import Result
from etbench.results.tables.profiles import write_profile
from etbench.system.files import append_to, own_folder, replace_file, temporary_beside, without_link
from etbench.system.interrupt import raise_if_interrupted
from etbench.system.strict_json import encode_json

__all__ = ["CellRun", "Outcome", "Program"]

PARTIAL = ".partial"  # hidden, so that tables do not read partial results
INTERRUPTED = EtbenchError(
    "the run ended before all rounds of this cell were measured",
    stage="time",
    kind="Interrupted",
    hint="complete the sweep with sweep.resume=<folder>",
)


@dataclass(frozen=True)
class Outcome:
    """The result of a cell, and its file; the path is None if it could not be written."""

    result: Result
    path: Path | None


@dataclass(frozen=True)
class Program:
    """A built program and the folder that holds its files."""

    built: Built
    folder: Path


class CellRun:
    """One cell of a run.

    Args:
        cell: its configuration.
        out: folder of its result.
        log_dir: folder of its log.
        on_event: is called with its events.

    """

    def __init__(self, cell: Cell, out: Path, log_dir: Path, on_event: OnEvent | None) -> None:
        self.cell = cell
        self.out = out
        self.log = log_dir / "etbench.log"
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(OSError):  # said where it is written
            without_link(self.log)
        self.blank = blank_result(cell, log_file=os.path.relpath(self.log, out))
        self.base: Baseline | None = None
        self.program: Program | None = None
        self.base_program: BaseProgram | None = None
        self.outcome: Outcome | None = None
        self._on_event = on_event
        self._begun: float | None = None

    @property
    def compiled_for(self) -> set[str | None]:
        """The interpreters for whose libraries the cell and its baseline need the native runner compiled."""
        return {how.env for how in self.ways if self.cell.compiles(how.runner)}

    @property
    def ways(self) -> list[Settings]:
        """How its program and that of its baseline are run."""
        return [Settings.of(self.cell), *([self.base.settings] if self.base else [])]

    def start(self) -> None:
        """Report once that work on the cell begins."""
        if self._begun is None:
            self._begun = perf_counter()
            self.emit(
                Event(
                    kind="cell_started",
                    message=self.cell.cell_id,
                    weights=self._asked_weights,
                    data=self._data_words(),
                )
            )

    def ready(self, word: str) -> None:
        """Report that the program is there, with the weights and the data that only loading it has shown."""
        artifact = self.program.built.artifact if self.program and not self.cell.model.ready else None
        weights = weights_words(artifact.weights) if artifact else ""
        data = self._data_words(artifact.data_use.source) if artifact and artifact.data_use else ""
        self.emit(
            Event(
                kind="program_ready",
                message=word,
                weights="" if weights == self._asked_weights else weights,
                data="" if data == self._data_words() else data,
            )
        )

    @property
    def _asked_weights(self) -> str:
        """Which weights the cell asks for, in words; empty if the model's function decides that."""
        model = self.cell.model
        if model.ready:
            return "the program's weights"
        return "" if model.weights == UNDECLARED else weights_words(model.weights)

    def _data_words(self, kind: str | None = None) -> str:
        """Return which data the program is built and compared with; `kind` is that of a loaded model."""
        model = self.cell.model
        data = data_words(model, self.cell.calibration, kind)
        layout = "" if model.memory_format == "contiguous" else model.memory_format.replace("_", " ")
        return ", ".join(filter(None, (data, layout)))

    def emit(self, event: Event) -> None:
        """Add the cell to an event, log it and pass it on."""
        texts = {name: without_secrets(getattr(event, name)) for name in ("message", "weights", "data")}
        event = msgspec.structs.replace(event, cell=self.cell.stem, cell_id=self.cell.cell_id, **texts)
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds")
        took = "" if event.seconds is None else f" {event.seconds:.3f} s"
        words = (event.kind, event.stage, event.status, event.message, event.about)
        line = f"[{stamp}] {event.cell}: {' '.join(filter(None, words))}{took}\n"
        with contextlib.suppress(OSError):
            append_to(self.log, line.encode("utf-8", "backslashreplace"))
        if self._on_event:
            self._on_event(event)

    def has(self, program: Program) -> None:
        """Store the program; its properties are part of the result, even if a later stage fails."""
        self.program = program
        artifact = program.built.artifact
        graph = artifact.operators if self.cell.profile else []  # they take more room than all the rest
        self.blank = msgspec.structs.replace(
            self.blank,
            artifact=msgspec.structs.replace(artifact, operators=graph),
            from_cache=program.built.from_cache,
            weights=artifact.weights,
        )

    def finish(self, result: Result) -> None:
        """Check and write the result, and next to it the program and its operators if requested."""
        self.start()
        result = self._published(judged(result, self.cell.checks.accept))
        if self.cell.keep_pte and self.program and result.status in ("ok", "wrong", "built"):
            result = msgspec.structs.replace(result, pte_file=f"{self.cell.file_stem}.pte")
        self.outcome = self._written(result)
        self._forget_partial()
        result, path = self.outcome.result, self.outcome.path
        seconds = perf_counter() - (self._begun or perf_counter())
        where = str(path) if path else f"no result file: {result.failure.message if result.failure else ''}"
        self.emit(Event(kind="cell_finished", status=result.status, message=where, seconds=seconds))

    def _published(self, result: Result) -> Result:
        """Return a result as it may be published, if that is asked for."""
        return anonymous(result) if self.cell.privacy.name == "strict" else result

    def _written(self, result: Result) -> Outcome:
        """Write the result; if that fails, a short one with the error, and if that fails too, none."""
        try:
            with Stages(self.emit)("result"), self._program_beside(result) as program:
                path = write_result(result, self.out, self.cell.file_stem)
                if program:
                    result = with_program_of(path, result)
                    program.replace(path.with_name(str(result.pte_file)))
        except EtbenchError as error:  # such as a full disk
            raise_if_interrupted()
            short = self._published(failed(self.blank, error))
            with contextlib.suppress(OSError):
                return Outcome(short, write_result(short, self.out, self.cell.file_stem))
            return Outcome(short, None)
        try:
            write_profile(result, path)
        except OSError as error:  # the result contains it, too
            self.emit(Event(kind="progress", stage="result", message=f"the profile was not written: {error}"))
        return Outcome(result, path)

    @contextlib.contextmanager
    def _program_beside(self, result: Result) -> Iterator[Path | None]:
        """Yield a complete copy of the program under a temporary name, if the result keeps it."""
        if not (result.pte_file and self.program):
            yield None
            return
        self.out.mkdir(parents=True, exist_ok=True)
        copy = temporary_beside(self.out / result.pte_file)
        try:
            shutil.copyfile(program_path(self.program.folder), copy)
            yield copy
        finally:
            copy.unlink(missing_ok=True)

    def fail(self, error: EtbenchError, rounds: Sequence[Round] = ()) -> None:
        """Write the failure as the result of the cell, unless an interrupt may have caused it."""
        raise_if_interrupted()
        self.finish(failed(self.blank, error, rounds))

    def keep(self, rounds: Sequence[Round]) -> None:
        """Save the rounds measured so far, in case this process is killed before the end."""
        with contextlib.suppress(OSError):
            own_folder(self._partial.parent)
            replace_file(self._partial, encode_json(failed(self.blank, INTERRUPTED, rounds)))

    @property
    def _partial(self) -> Path:
        return self.out / PARTIAL / f"{self.cell.stem}-{self.cell.cell_id}.json"

    def _forget_partial(self) -> None:
        if self._partial.parent.is_symlink():  # nothing was saved there
            return
        with contextlib.suppress(OSError):
            self._partial.unlink()
        with contextlib.suppress(OSError):
            self._partial.parent.rmdir()
