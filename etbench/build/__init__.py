"""From a recipe to an artifact: a `.pte`, what it was made of, and the reference it is compared with."""

from __future__ import annotations

from pathlib import Path

from etbench.build.artifact import Artifact, BuildRequest, Delegation
from etbench.config import Recipe
from etbench.events import OnEvent
from etbench.process import call

__all__ = ["Artifact", "Delegation", "build"]


def build(recipe: Recipe, folder: Path, *, log: Path, on_event: OnEvent) -> Artifact:
    """Build the artifact of a recipe in a process of its own.

    Args:
        recipe: what to build.
        folder: an existing, empty folder for the files of the artifact.
        log: gets what the libraries print.
        on_event: is told about each stage.

    Raises:
        EtbenchError: of the stage that failed: load, reference, export, quantize, lower or write.

    """
    request = BuildRequest(recipe=recipe, folder=str(folder))
    return call("etbench.build.worker", request, Artifact, scratch=folder, log=log, on_event=on_event)
