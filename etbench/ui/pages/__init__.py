"""The pages: one function per page, which builds it from the data of the server."""

from __future__ import annotations

from nicegui import ui

from etbench.ui.external_runs import ExternalRuns
from etbench.ui.jobs import Jobs
from etbench.ui.library import Library
from etbench.ui.pages import compare, decide, doctor, inspect, results, run, trend

__all__ = ["add_pages"]


def add_pages(jobs: Jobs, external: ExternalRuns, library: Library) -> None:
    """Add the pages to the server."""

    @ui.page("/", title="Run · etbench")
    def _run() -> None:
        run.build(jobs, external, library)

    @ui.page("/results", title="Results · etbench")
    def _results(where: str = "") -> None:
        results.build(library, where)

    @ui.page("/decide", title="Decide · etbench")
    def _decide() -> None:
        decide.build(library)

    @ui.page("/compare", title="Compare · etbench")
    def _compare() -> None:
        compare.build(library)

    @ui.page("/trend", title="Trend · etbench")
    def _trend() -> None:
        trend.build(library)

    @ui.page("/inspect", title="Inspect · etbench")
    def _inspect(result: str = "") -> None:
        inspect.build(library, result)

    @ui.page("/doctor", title="Doctor · etbench")
    def _doctor() -> None:
        doctor.build(jobs)
