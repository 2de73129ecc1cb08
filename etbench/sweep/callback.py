"""A Hydra callback that closes a run or sweep under any launcher: summary, tables, exit status."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from rich.console import Console

from etbench.console import print_summary
from etbench.results.schema import Result
from etbench.sweep import ray_launcher
from etbench.sweep.manifest import Manifest, close_manifest, has_manifest
from etbench.sweep.new_results import NewResultsCallback

__all__ = ["ResultsCallback"]

FAILED, REGRESSION = 1, 3
OWN_LAUNCHER = "hydra_plugins.etbench_launcher.EtbenchLauncher"  # writes the manifest itself, with all cells


class ResultsCallback(NewResultsCallback):
    """Prints the summary and sets the exit status.

    It may exit, so it has to be the first of the callbacks: Hydra ends them from the last on.
    """

    def on_multirun_start(self, config: DictConfig, **more: Any) -> None:
        """Begin the manifest for launchers that run cell by cell: their jobs do not know this command."""
        super().on_multirun_start(config, **more)
        if config.hydra.launcher._target_ == ray_launcher.LAUNCHER:
            ray_launcher.prepare(config.hydra.launcher)
        if config.hydra.launcher._target_ != OWN_LAUNCHER and not config.sweep.resume:
            Manifest.of([]).write(Path(config.hydra.sweep.dir))

    def close(self, folder: Path, results: Sequence[tuple[Path, Result]]) -> None:
        """Print the summary of the cells; exit with 1 if one failed, with 3 if one got slower."""
        print_summary(result for _, result in results)
        _exit_by(results)

    def close_sweep(self, folder: Path, results: Sequence[tuple[Path, Result]], config: DictConfig) -> None:
        """Write tables and report as well."""
        if has_manifest(folder):
            close_manifest(folder)
        print_summary(result for _, result in results)
        if results and not _write_tables(folder, config):
            sys.exit(FAILED)
        _exit_by(results)


def _exit_by(results: Sequence[tuple[Path, Result]]) -> None:
    if not results or any(result.status == "failed" for _, result in results):
        sys.exit(FAILED)
    if any(result.in_turn and result.in_turn.comparison.regression for _, result in results):
        sys.exit(REGRESSION)


def _write_tables(folder: Path, config: DictConfig) -> bool:
    """Write the tables and the report of a folder and say so, or why that cannot be done."""
    from etbench.results.aggregation import aggregate

    console = Console(highlight=False, soft_wrap=True)
    try:
        paths = aggregate([folder], folder, remember=False)
        if config.report.enabled:
            from etbench.build.cache import cache_folder
            from etbench.results.report import write_report

            cache = cache_folder(config.cache.dir) if config.cache.enabled else None
            paths.append(write_report(folder, cache=cache))
    except OSError as error:  # a full disk, say
        console.print(f"results in {folder}; their tables could not be written: {error}", markup=False)
        return False
    names = ", ".join(path.name for path in paths)
    console.print(f"results and tables ({names}) in {folder}", markup=False)
    return True
