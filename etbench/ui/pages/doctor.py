"""The Doctor tab: what this machine can build, run and measure well, and what is missing."""

from __future__ import annotations

import asyncio

import psutil
from nicegui import ui

from etbench.host.environment import Environment, read_environment
from etbench.preflight.doctor import advise, describe, registered_backends
from etbench.ui.choices import Choices
from etbench.ui.jobs import Jobs
from etbench.ui.pages.frame import card, facts, page_frame, table, words

__all__ = ["build"]


def build(jobs: Jobs) -> None:
    """Build the page for one browser tab; the load of the machine is added later, since it takes time."""
    with (
        page_frame("Doctor"),
        ui.element("div").classes("grid grid-cols-1 lg:grid-cols-2 gap-4 items-start"),
    ):
        with card("This machine"):
            machine = ui.column().classes("w-full")
        with ui.column().classes("w-full gap-4 min-w-0"):
            with card("Problems for measurements on this machine"):
                trouble = ui.column().classes("w-full gap-1")
            with card("Delegates"):
                table(["delegate", "on this machine"], _delegates(jobs.choices))
                _Runtimes(jobs)

    async def look() -> None:
        known, busy = await asyncio.to_thread(_look)
        with machine:
            facts(list(describe(known)))
        with trouble:
            found = list(advise(known, busy))
            for advice in found:
                ui.label(advice.trouble).classes("text-sm font-medium")
                words(advice.cure)
            if not found:
                words("No problems found.")

    ui.timer(0.1, look, once=True)


class _Runtimes:
    """The delegates of the installed ExecuTorch runtime, on request, since that takes seconds of CPU time."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.ask = ui.button("Query the installed runtime", on_click=self.on_ask, color=None)
        self.ask.props("outline no-caps")
        self.answer = ui.label().classes("text-sm").props('role="status"')

    async def on_ask(self) -> None:
        """Query it in a separate process, unless that would disturb a measurement."""
        if any(job.running for job in self.jobs.all):
            self.answer.set_text("A run is in progress, and the query would disturb its measurement.")
            return
        self.ask.disable()
        self.answer.set_text("Querying …")
        backends, why = await asyncio.to_thread(registered_backends)
        self.answer.set_text(f"none: {why}" if backends is None else "portable, " + ", ".join(backends))
        self.ask.enable()


def _look() -> tuple[Environment, float]:
    return read_environment(threads=None), psutil.cpu_percent(interval=0.3) / 100


def _delegates(choices: Choices) -> list[tuple[str, str]]:
    """Return whether this host can build for each delegate and run it."""
    rows = []
    for name in choices.options("delegate"):
        delegate = choices.delegate(name)
        missing = [what for need in delegate.requires if (what := need.missing)]
        rows.append((name, "; ".join(missing) or delegate.no_runtime() or "builds and runs"))
    return rows
