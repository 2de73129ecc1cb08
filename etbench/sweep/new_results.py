"""A Hydra callback that gets the new results of a run or sweep when it ends, under any launcher."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.utils import JobReturn, JobStatus
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from etbench.results.files.store import read_results
from etbench.results.schema import Result

__all__ = ["NewResultsCallback"]


class NewResultsCallback(Callback):
    """Reads the result files, since jobs may have run in other processes or on other machines."""

    def __init__(self) -> None:
        self._before: set[Path] = set()

    def close(self, folder: Path, results: Sequence[tuple[Path, Result]]) -> None:
        """Process the new results of a run."""
        raise NotImplementedError

    def close_sweep(self, folder: Path, results: Sequence[tuple[Path, Result]], config: DictConfig) -> None:
        """Process the new results of a sweep."""
        self.close(folder, results)

    def on_run_start(self, config: DictConfig, **_: Any) -> None:
        """Note which results already exist."""
        self._before = _files(Path(config.hydra.run.dir))

    def on_run_end(self, config: DictConfig, job_return: JobReturn | None = None, **_: Any) -> None:
        """Process the new results, unless etbench itself failed, which Hydra raises afterwards."""
        if job_return is None or job_return.status != JobStatus.FAILED:
            folder = Path(config.hydra.run.dir)
            self.close(folder, self._new(folder))

    def on_multirun_start(self, config: DictConfig, **_: Any) -> None:
        """Note which results already exist; for a resumed sweep, they count as its own."""
        self._before = set() if config.sweep.resume else _files(Path(config.hydra.sweep.dir))

    def on_multirun_end(self, config: DictConfig, **_: Any) -> None:
        """Process the new results."""
        folder = Path(config.hydra.sweep.dir)
        self.close_sweep(folder, self._new(folder), config)

    def _new(self, folder: Path) -> list[tuple[Path, Result]]:
        return read_results(sorted(_files(folder) - self._before))[0]


def _files(folder: Path) -> set[Path]:
    return set(folder.glob("*.json"))
