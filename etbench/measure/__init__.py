"""Measure an artifact in fresh processes that do nothing else."""

from __future__ import annotations

from pathlib import Path

from etbench.build.artifact import Artifact
from etbench.config import Repeat
from etbench.events import OnEvent
from etbench.measure.protocol import Measurement, MeasureRequest
from etbench.process import call

__all__ = ["Measurement", "measure"]


def measure(
    artifact: Artifact, folder: Path, repeat: Repeat, threads: int, *, log: Path, on_event: OnEvent
) -> Measurement:
    """Check the artifact's outputs against the reference and time its inferences.

    Args:
        artifact: what was built.
        folder: where its files lie.
        repeat: how often, and for how long at most.
        threads: of the runtime's thread pool.
        log: gets what the runtime prints.
        on_event: is told about each stage and about the progress of the rounds.

    Raises:
        EtbenchError: of the stage that failed: load_program, parity or time.

    """
    request = MeasureRequest(
        folder=str(folder), repeat=repeat, threads=threads, logits_axis=artifact.logits_axis
    )
    return call("etbench.measure.worker", request, Measurement, scratch=folder, log=log, on_event=on_event)
