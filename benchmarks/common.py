"""What the benchmarks share: one built program, and measurements of it as etbench takes them."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from etbench.build import build
from etbench.compose import compose
from etbench.config import Cell
from etbench.measure import Series, Subject, measure
from etbench.measure.environment import available_cores, read_environment


@contextmanager
def built(*overrides: str, config_dir: Path | None = None) -> Iterator[tuple[Cell, Subject]]:
    """Build a cell's program into a temporary folder and give it as a subject with default settings."""
    cell = compose(list(overrides), config_dir=config_dir)
    with tempfile.TemporaryDirectory(prefix="etbench-") as name:
        folder = Path(name)
        artifact = build(cell.recipe, folder, log=folder / "log", on_event=lambda _: None)
        yield (
            cell,
            Subject(
                folder=name,
                repeat=cell.repeat,
                threads=available_cores(),
                logits_axis=artifact.logits_axis,
            ),
        )


def measured(cell: Cell, subjects: Sequence[Subject], *, together: bool = False) -> list[Series]:
    """Measure subjects in a process of its own, as a cell of a user is measured."""
    scratch = Path(subjects[0].folder)
    return measure(
        subjects,
        cell.measure,
        together=together,
        scratch=scratch,
        log=scratch / "log",
        on_event=lambda _: None,
    ).series


def print_machine() -> None:
    """Say where the figures come from."""
    facts = read_environment(threads=None)
    versions = ", ".join(f"{name} {version}" for name, version in facts.libraries.items())
    print(f"{facts.cpu}, {facts.available_cores} cores, {facts.memory_bytes / 2**30:.0f} GiB; {versions}\n")
