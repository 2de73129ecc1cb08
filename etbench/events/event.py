"""The events that a run reports; console, log file and user interface receive the same events."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Annotated, Literal

from msgspec import Meta, Struct

from etbench.events.translation import explained

__all__ = ["Event", "OnEvent", "Stages"]

Kind = Literal[
    "cell_started", "stage_started", "stage_finished", "progress", "program_ready", "round", "cell_finished"
]
# The ranges hold for what is read, such as a log.
Count = Annotated[int, Meta(ge=0, le=1_000_000_000)]
Milliseconds = Annotated[float, Meta(ge=0, le=1e12)]


class Event(Struct, frozen=True, kw_only=True, tag="event", tag_field="message_type"):
    """One step of a cell.

    `seconds` is set on ``stage_finished`` and ``cell_finished``; `status` on ``cell_finished``; `done` and
    `of` count the rounds on ``round``, where `round_ms` is the median of that round and `p50_ms` that of the
    round medians so far. `weights` and `data` are set on ``cell_started``: those that the cell asks for.
    """

    kind: Kind
    stage: str = ""
    message: str = ""
    seconds: float | None = None
    status: str = ""
    cell: str = ""
    cell_id: str = ""
    done: Count = 0
    of: Count = 0
    p50_ms: Milliseconds | None = None
    round_ms: Milliseconds | None = None
    weights: str = ""
    data: str = ""

    @property
    def about(self) -> str:
        """The weights and the data of a cell that starts, in words."""
        return f"{self.weights} weights; {self.data}" if self.weights else ""


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
