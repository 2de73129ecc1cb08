"""Measure artifacts in fresh processes that do nothing else."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from pathlib import Path

from etbench.config import Measure
from etbench.events import Event, OnEvent
from etbench.measure.protocol import Measurement, MeasureRequest, Round, Series, Subject
from etbench.measure.turn import turn_to_measure
from etbench.process import call

__all__ = ["Measurement", "Round", "Series", "Subject", "measure"]


def measure(
    subjects: Sequence[Subject],
    how: Measure,
    *,
    together: bool = False,
    scratch: Path,
    log: Path,
    on_event: OnEvent,
) -> Measurement:
    """Check the outputs of artifacts against their references and time their inferences, in turn.

    Only one etbench measures at a time on a machine; a second one waits here, and says so.

    Args:
        subjects: the artifacts, and how often each is run.
        how: how the rounds are laid out.
        together: for a comparison: all subjects stay in the same blocks, see `MeasureRequest`.
        scratch: an existing folder for temporary files.
        log: gets what the runtime prints.
        on_event: is told about each stage and about the progress of the rounds.

    Raises:
        EtbenchError: of the stage that failed: load_program, parity or time.

    """
    request = MeasureRequest(
        subjects=list(subjects),
        seed=secrets.randbits(32) if how.seed is None else how.seed,
        block_max_s=how.block_max_s,
        affinity=how.affinity,
        together=together,
        start=how.start,
    )

    def waiting() -> None:
        text = "another etbench is measuring on this machine: waiting for its turn to end"
        on_event(Event(kind="progress", stage="time", message=text))

    with turn_to_measure(waiting):
        return call(
            "etbench.measure.worker", request, Measurement, scratch=scratch, log=log, on_event=on_event
        )
