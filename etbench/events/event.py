"""The events that a run reports; console, log file and user interface receive the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Literal

from msgspec import Struct

from etbench.events.translation import explained
from etbench.stats.bounds import Count, Duration, Ms

__all__ = ["Event", "OnEvent", "Stages"]

Kind = Literal[
    "cell_started", "stage_started", "stage_finished", "progress", "program_ready", "round", "cell_finished"
]


class Event(Struct, frozen=True, kw_only=True, tag="event", tag_field="message_type"):
    """One step of a cell.

    `seconds` is set on ``stage_finished`` and ``cell_finished``; `status` on ``cell_finished``; `done` and
    `of` count the rounds on ``round``, where `round_ms` is the median of that round and `p50_ms` that of the
    round medians so far. `weights` and `data` are in words: on ``cell_started`` those that the cell asks for,
    on ``program_ready`` those that became known with the program.
    """

    kind: Kind
    stage: str = ""
    message: str = ""
    seconds: Duration | None = None
    status: str = ""
    cell: str = ""
    cell_id: str = ""
    done: Count = 0
    of: Count = 0
    p50_ms: Ms | None = None
    round_ms: Ms | None = None
    weights: str = ""
    data: str = ""

    @property
    def about(self) -> str:
        """The weights and the data of a cell, as far as the event names them."""
        return "; ".join(filter(None, [self.weights, self.data]))


OnEvent = Callable[[Event], None]


class Stages:
    """Names the stages of a cell in order, times them, and adds the stage to an error.

    Args:
        emit: receives a ``stage_started`` and a ``stage_finished`` event for each stage.

    """

    def __init__(self, emit: OnEvent) -> None:
        self.emit = emit
        self.seconds: dict[str, float] = {}

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        """Run the body as the stage of this name; any other exception becomes an `EtbenchError`."""
        self.emit(Event(kind="stage_started", stage=stage))
        start = perf_counter()
        try:
            yield
        except Exception as error:
            raise explained(error, stage) from error
        self.seconds[stage] = perf_counter() - start
        self.emit(Event(kind="stage_finished", stage=stage, seconds=self.seconds[stage]))

    def progress(self, stage: str, message: str) -> None:
        """Report the progress of a stage."""
        self.emit(Event(kind="progress", stage=stage, message=message))
