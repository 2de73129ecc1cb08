"""A Hydra callback that closes a run or sweep under any launcher: summary, tables, exit status."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console

from etbench.console import print_summary
from etbench.results.store import read_results

__all__ = ["ResultsCallback"]

FAILED, REGRESSION = 1, 3


class ResultsCallback(Callback):
    """Looks at the result files that are new in the folder when all jobs are done.

    Jobs may have run in other processes or on other machines, so the files are what it goes by.
    """

    def __init__(self) -> None:
        self._before: set[Path] = set()

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note which results lie there already."""
        self._before = _files(Path(config.hydra.run.dir))

    def on_run_end(self, config: DictConfig, job_return: JobReturn | None = None, **_: Any) -> None:
        """Print the summary of the cell; exit with 1 if it failed."""
        if job_return is not None and job_return.status == JobStatus.FAILED:
            return  # an error of etbench itself, which Hydra is about to raise
        self._close(Path(config.hydra.run.dir), tables=False)

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note which results lie there already; a sweep that is resumed counts them as its own."""
        self._before = set() if config.sweep.resume else _files(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Print the summary of all cells, write tables and report; exit with 1 if one failed."""
        self._close(Path(config.hydra.sweep.dir), tables=True, report=config.report.enabled)

    def _close(self, folder: Path, *, tables: bool, report: bool = False) -> None:
        results, _ = read_results(sorted(_files(folder) - self._before))
        print_summary(result for _, result in results)
        if tables and results:
            from etbench.results.aggregation import aggregate

            paths = aggregate([folder], folder, remember=False)
            if report:
                from etbench.results.report import write_report

                paths.append(write_report(folder))
            names = ", ".join(path.name for path in paths)
            Console(highlight=False, soft_wrap=True).print(f"results and tables ({names}) in {folder}")
        if not results or any(result.status == "failed" for _, result in results):
            sys.exit(FAILED)
        if any(result.in_turn and result.in_turn.comparison.regression for _, result in results):
            sys.exit(REGRESSION)


def _files(folder: Path) -> set[Path]:
    return set(folder.glob("*.json"))
