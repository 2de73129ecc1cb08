"""Builds of several cells in builder processes, and what is heard of them."""

from __future__ import annotations

from pathlib import Path

from running import CONF

from etbench.builder import Built, Cache, Job, build_all
from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.preflight.compose import compose


class Builds:
    """Builds cells of the tests and remembers what it hears: what became of each, and their stages."""

    def __init__(self, folder: Path, cache: Cache | None = None) -> None:
        self.folder = folder
        self.cache = cache
        self.done: dict[str, Built | EtbenchError] = {}
        self.order: list[str] = []
        self.stages: list[tuple[str, str]] = []

    def run(self, *cells: str, builders: int = 1, max_bytes: int | None = None) -> None:
        """Build cells, each given as its overrides in one text, which is its name in what is remembered."""
        jobs = []
        for number, text in enumerate(cells):
            folder = self.folder / f"program-{number}"
            folder.mkdir(parents=True)
            recipe = compose(text.split(), config_dir=CONF).recipe
            jobs.append(Job(text, recipe, folder, self.folder / f"{number}.log"))
        build_all(
            jobs,
            cache=self.cache,
            builders=builders,
            timeout_s=300,
            max_bytes=max_bytes,
            scratch=self.folder,
            on_event=self.hear,
            on_done=self.finish,
        )

    def hear(self, job: Job, event: Event) -> None:
        """Remember a stage that begins."""
        if event.kind == "stage_started":
            self.stages.append((job.name, event.stage))
            if event.stage == "quantize":
                self.order.append(job.name)

    def finish(self, job: Job, what: Built | EtbenchError) -> None:
        """Remember what became of a cell."""
        self.done[job.name] = what
