"""A measurement from outside: ask the measuring process of a place, and put its answer together."""

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

SILENCE_S = 120.0  # of a process that tells every 15 s that a slow round goes on


class Listener(Protocol):
    """Hears of the subjects of a measurement, by their number, as things happen."""

    def on_event(self, subject: int | None, event: Event) -> None:
        """Hear of a stage, of this subject or of all."""

    def on_round(self, subject: int, rounds: list[Round], planned: int) -> None:
        """Hear that a subject has these rounds now, of so many planned."""

    def on_end(self, subject: int, series: Series) -> None:
        """Hear that a subject has all its rounds."""

    def on_failure(self, subject: int, error: EtbenchError, rounds: list[Round]) -> None:
        """Hear that a subject failed, and which rounds it had; the others go on."""


def measure(
    subjects: Sequence[Subject],
    how: Measure,
    listener: Listener,
    *,
    place_for: PlaceFor,
    log: Path,
) -> None:
    """Check the outputs of artifacts against their references and time their inferences, in turn.

    Only one etbench measures at a time on a machine; a second one waits here, and says so. Where a device
    loses the connection, the round is repeated once there is another. Each subject
    ends with a call of `Listener.on_end` or `Listener.on_failure`, as soon as it is known.

    Args:
        subjects: the artifacts, and how often each is run.
        how: how the rounds are laid out.
        listener: hears what comes of each.
        place_for: gives the machine that measures.
        log: gets what the measuring process prints outside of the rounds.

    """
    request = MeasureRequest(
        subjects=list(subjects),
        seed=secrets.randbits(32) if how.seed is None else how.seed,
        block_max_s=how.block_max_s,
        timeout_s=how.timeout_s,
        affinity=how.affinity,
        start=how.start,
    )

    collector = _Collector(listener, len(subjects))
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
                collector.lost_connections += 1
    except EtbenchError as error:
        collector.fail_the_rest(error)


def measure_series(
    subjects: Sequence[Subject], how: Measure, *, place_for: PlaceFor, log: Path
) -> list[Series]:
    """Measure subjects in turn as `measure` does, and return the series of each.

    Raises:
        EtbenchError: of the first subject that failed, once all are over.

    """
    ends = _Ends()
    measure(subjects, how, ends, place_for=place_for, log=log)
    if ends.failed:
        raise ends.failed[0]
    return [ends.series[number] for number in range(len(subjects))]


class _ErrorTranslator:
    """What lies between a listener and a place: the words of the one, and the exceptions of either."""

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
        """Turn what goes wrong at the place into an error of etbench; the listener's own exceptions pass."""
        try:
            yield
        except Exception as error:
            if error is self._raised:
                raise
            raise explained(error, "connect") from error


class _Ends:
    """A listener that waits for the ends."""

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
    """What has come of a subject so far."""

    checked: Checked | None = None
    done: list[Done] = field(default_factory=list)
    over: bool = False

    @property
    def rounds(self) -> list[Round]:
        return [earlier.round for earlier in self.done]


class _Collector:
    """Puts the parts of the answer together, subject by subject."""

    def __init__(self, listener: Listener, count: int) -> None:
        self.listener = listener
        self.start_s: dict[str, float] = {}
        self.taken = [_Taken() for _ in range(count)]
        self.lost_connections = 0

    def rest_of(self, request: MeasureRequest) -> MeasureRequest:
        """Return the request without what has come of it already."""
        subjects = [
            msgspec.structs.replace(
                subject, checked=taken.checked is not None, done=taken.done, over=taken.over
            )
            for subject, taken in zip(request.subjects, self.taken, strict=True)
        ]
        return msgspec.structs.replace(request, subjects=subjects)

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
                    rounds=taken.rounds,
                    stopped_by=part.stopped_by,
                    own_blocks=part.own_blocks,
                    before=part.before,
                    after=part.after,
                    stage_s=self.start_s | taken.checked.stage_s | {"time": part.seconds},
                    lost_connections=self.lost_connections,
                )
                self.listener.on_end(part.subject, series)
            case Broken():
                taken.over = True
                self.listener.on_failure(part.subject, part.failure.error(), taken.rounds)

    def fail_the_rest(self, error: EtbenchError) -> None:
        """Let the subjects that are not over share the fate of the measuring process.

        The last first, so that a cell hears of it before its base does: it is not the base that failed.
        """
        for number, taken in reversed(list(enumerate(self.taken))):
            if not taken.over:
                self.listener.on_failure(number, error, taken.rounds)
