"""Run a measurement: send the request to a machine's measuring process and collect its answer."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import msgspec

from etbench.config import Measure
from etbench.errors import EtbenchError
from etbench.events import Event, explained
from etbench.measure.place import PlaceFor
from etbench.measure.protocol import (
    Broken,
    Checked,
    Done,
    Ended,
    Measured,
    MeasurePart,
    MeasureRequest,
    Round,
    Series,
    Subject,
    Timed,
)

__all__ = ["Listener", "measure", "measure_series"]

SILENCE_S = 120.0  # a process reports every 15 s that a slow round is still running


class Listener(Protocol):
    """Receives what happens to the subjects of a measurement, which are given by their number."""

    def on_event(self, subject: int | None, event: Event) -> None:
        """Receive an event of this subject, or of all if it is None."""

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        """Receive all rounds of a subject so far, and how many are planned."""

    def on_end(self, subject: int, series: Series) -> None:
        """Receive the complete series of a subject."""

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        """Receive the error of a subject that failed and the rounds it had; the others continue."""


def measure(
    subjects: Sequence[Subject],
    how: Measure,
    listener: Listener,
    *,
    place_for: PlaceFor,
    log: Path,
    decide_max_s: float | None = None,
) -> None:
    """Check the outputs of artifacts against their references and time their inferences, interleaved.

    Only one etbench measures at a time on a machine; a second one waits here, and reports that it waits. If
    the connection to a device is lost, the round is repeated after a new connection; on another
    machine, all rounds of the unfinished subjects are. Each subject ends with a call of `Listener.on_end` or
    `Listener.on_failure`, as soon as its result is known.

    Args:
        subjects: the artifacts, and how often each is run.
        how: the settings of the measurement.
        listener: receives the events and the result of each.
        place_for: returns the machine that measures.
        log: the file for what the measuring process prints outside the rounds.
        decide_max_s: limit of the rounds that are added until comparisons are decided.

    """
    request = MeasureRequest(
        subjects=list(subjects),
        seed=secrets.randbits(32) if how.seed is None else how.seed,
        block_max_s=how.block_max_s,
        timeout_s=how.timeout_s,
        decide_max_s=decide_max_s,
        affinity=how.affinity,
        start=how.start,
    )

    collector = _Collector(listener, subjects)
    translator = _ErrorTranslator(listener)
    place = place_for(translator.tell)
    try:
        with translator.explaining():
            request = place.prepared(request)
        while True:
            try:
                with ExitStack() as turn:
                    with translator.explaining():
                        process = turn.enter_context(place.worker())
                    process.ask(
                        collector.rest_of(request),
                        Measured,
                        log=log,
                        on_event=collector.hear,
                        on_part=collector.take,
                        silence_s=SILENCE_S,
                    )
                return
            except EtbenchError as error:
                with translator.explaining():
                    goes_on = place.goes_on_after(error)
                if not goes_on:
                    raise
                collector.go_on(moved=place.moves)
    except EtbenchError as error:
        collector.fail_the_rest(error)


def measure_series(
    subjects: Sequence[Subject],
    how: Measure,
    *,
    place_for: PlaceFor,
    log: Path,
    decide_max_s: float | None = None,
) -> list[Series]:
    """Measure subjects interleaved, as `measure` does, and return the series of each.

    Raises:
        EtbenchError: of the first subject that failed, after all have finished.

    """
    ends = _Ends()
    measure(subjects, how, ends, place_for=place_for, log=log, decide_max_s=decide_max_s)
    if ends.failed:
        raise ends.failed[0]
    return [ends.series[number] for number in range(len(subjects))]


class _ErrorTranslator:
    """Passes lines from a place to a listener, and tells their exceptions apart."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener
        self._raised: Exception | None = None

    def tell(self, text: str) -> None:
        """Pass a line on to the listener."""
        try:
            self._listener.on_event(None, Event(kind="progress", stage="time", message=text))
        except Exception as error:
            self._raised = error
            raise

    @contextmanager
    def explaining(self) -> Iterator[None]:
        """Turn an error of the place into an `EtbenchError`; exceptions of the listener are not changed."""
        try:
            yield
        except Exception as error:
            if error is self._raised:
                raise
            raise explained(error, "connect") from error


class _Ends:
    """A listener that collects the results."""

    def __init__(self) -> None:
        self.series: dict[int, Series] = {}
        self.failed: list[EtbenchError] = []

    def on_event(self, subject: int | None, event: Event) -> None:
        pass

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        pass

    def on_end(self, subject: int, series: Series) -> None:
        self.series[subject] = series

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        self.failed.append(error)


@dataclass
class _Taken:
    """The results of a subject so far."""

    checked: Checked | None = None
    done: list[Done] = field(default_factory=list)
    over: bool = False

    @property
    def rounds(self) -> list[Round]:
        return [earlier.round for earlier in self.done]


class _Collector:
    """Collects the parts of the answer, subject by subject."""

    def __init__(self, listener: Listener, subjects: Sequence[Subject]) -> None:
        self.listener = listener
        self.start_s: dict[str, float] = {}
        self.bases = [subject.base for subject in subjects]
        self.taken = [_Taken() for _ in subjects]
        self.lost_connections = 0

    def rest_of(self, request: MeasureRequest) -> MeasureRequest:
        """Return the request with the results so far, for the process that continues it."""
        subjects = [
            msgspec.structs.replace(
                subject, checked=taken.checked is not None, done=taken.done, over=taken.over
            )
            for subject, taken in zip(request.subjects, self.taken, strict=True)
        ]
        return msgspec.structs.replace(request, subjects=subjects)

    def go_on(self, *, moved: bool) -> None:
        """Continue in another process; on another machine, without the rounds of unfinished subjects."""
        self.lost_connections += 1
        if moved:
            begun = [number for number, taken in enumerate(self.taken) if not taken.over]
            bases = [base for number in begun if (base := self.bases[number]) is not None]
            for number in (*begun, *bases):
                self.taken[number] = _Taken()

    def hear(self, event: Event) -> None:
        if event.stage == "start_runtime" and event.seconds is not None:
            self.start_s = {"start_runtime": event.seconds}
        self.listener.on_event(int(event.cell) if event.cell else None, event)

    def take(self, body: msgspec.Raw) -> None:
        part = msgspec.json.decode(body, type=MeasurePart)
        taken = self.taken[part.subject]
        match part:
            case Checked():
                taken.checked = part
            case Timed():
                taken.done.append(Done(round=part.round, seconds=part.seconds))
                self.listener.on_round(part.subject, taken.rounds, part.planned)
            case Ended():
                assert taken.checked is not None
                taken.over = True
                series = Series(
                    check=taken.checked.check,
                    environment=taken.checked.environment,
                    inspection=taken.checked.inspection,
                    evaluation=taken.checked.evaluation,
                    other_sizes=taken.checked.other_sizes,
                    rounds=taken.rounds,
                    stopped_by=part.stopped_by,
                    looks=part.looks,
                    own_blocks=part.own_blocks,
                    before=part.before,
                    after=part.after,
                    stage_s=self.start_s | taken.checked.stage_s | {"time": part.seconds},
                    lost_connections=self.lost_connections,
                )
                self.listener.on_end(part.subject, series)
            case Broken():
                taken.over = True
                for number, base in enumerate(self.bases):
                    self.taken[number].over |= base == part.subject  # fails with its baseline
                self.listener.on_failure(part.subject, part.failure.error(), taken.rounds)

    def fail_the_rest(self, error: EtbenchError) -> None:
        """Report the error of the measuring process for all subjects that have not finished.

        They are reported in reverse order, a cell before its baseline: it is not the baseline that failed.
        """
        for number, taken in reversed(list(enumerate(self.taken))):
            if not taken.over:
                self.listener.on_failure(number, error, taken.rounds)
