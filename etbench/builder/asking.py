"""Ask a builder process for a program, and check that its reply is about the program that is there."""

from __future__ import annotations

from pathlib import Path

from etbench.artifact import Artifact, BuildRequest, program_path
from etbench.config import Recipe
from etbench.environments import interpreter
from etbench.errors import EtbenchError, NotApplicableError
from etbench.events import OnEvent
from etbench.system.files import sha256
from etbench.system.process import Worker, worker

__all__ = ["MODULE", "asked", "build", "python_of", "refusal"]

MODULE = "etbench.builder.worker"


def build(recipe: Recipe, folder: Path, *, log: Path, on_event: OnEvent) -> Artifact:
    """Build one program into an existing, empty folder without a cache, and return its description.

    Raises:
        EtbenchError: of the stage that failed: load, reference, export, quantize, lower or write.
        NotApplicableError: if the program would be that of another precision.

    """
    with worker(MODULE, scratch=folder, log=log, python=python_of(recipe)) as builder:
        artifact = asked(builder, recipe, folder, log=log, on_event=on_event)
    if artifact.refusal:
        raise refusal(artifact)
    return artifact


def asked(
    builder: Worker,
    recipe: Recipe,
    folder: Path,
    *,
    log: Path,
    on_event: OnEvent,
    timeout_s: float | None = None,
) -> Artifact:
    """Let a builder build one program into an existing, empty folder, and return its description.

    Raises:
        EtbenchError: of the stage that failed; of stage ``write`` if the program in the folder is not the one
            that the builder describes. The builder is then ended, since none of its answers can be relied on.

    """
    request = BuildRequest(recipe=recipe, folder=str(folder), log=str(log.absolute()))
    artifact = builder.ask(request, Artifact, log=log, on_event=on_event, timeout_s=timeout_s)
    program = program_path(folder)
    if not program.is_file() or sha256(program) != artifact.sha256:
        builder.close()
        raise EtbenchError(
            f"the builder answered with the checksum {artifact.sha256}, which is not that of {program.name}",
            stage="write",
            kind="Garbage",
            hint="does the model's function, or a library that it uses, fork this process or write here?",
        )
    return artifact


def python_of(recipe: Recipe) -> str | None:
    """Return the program of the interpreter that builds a recipe; None for this one.

    Raises:
        EtbenchError: of stage ``env`` if there is no such interpreter.

    """
    return interpreter(recipe.python) if recipe.python else None


def refusal(artifact: Artifact) -> NotApplicableError:
    """Return the reason for which there is no program as an error."""
    return NotApplicableError(artifact.refusal, stage="quantize")
