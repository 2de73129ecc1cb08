"""The default launcher of etbench: it receives the whole grid of a sweep at once.

Hydra accepts a launcher only from this namespace package. Nothing heavy is imported here: Hydra imports every
plugin at each start.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, run_job, setup_globals
from hydra.errors import HydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

__all__ = ["EtbenchLauncher"]


ConfigStore.instance().store(
    group="hydra/launcher",
    name="etbench",
    node={"_target_": "hydra_plugins.etbench_launcher.EtbenchLauncher"},
    provider="etbench",
)


class EtbenchLauncher(Launcher):
    """Builds the programs of all cells in parallel, then measures the cells interleaved, block by block.

    Each job returns the objective of its cell to the sweeper, or None if it has none.
    """

    def __init__(self) -> None:
        self._config: DictConfig | None = None
        self._context: HydraContext | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Store the context and configuration of Hydra; the task function, for single cells, is not used."""
        from etbench.preflight.hydra_patches import compose_jobs_once

        compose_jobs_once(EtbenchLauncher)
        self._context, self._config = hydra_context, config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Compose and check every cell first, then run them all."""
        from etbench.config import Cell
        from etbench.errors import ConfigError
        from etbench.preflight.compose import cell_of_job
        from etbench.results.decision.objective import objective_value
        from etbench.sweep.launch import run_sweep

        assert self._config is not None and self._context is not None
        setup_globals()
        planned: list[tuple[Cell, Path]] = []

        def plan(config: Any) -> None:
            planned.append((cell_of_job(config), Path(HydraConfig.get().runtime.output_dir)))

        jobs: list[JobReturn] = []
        faults: list[Exception] = []
        for number, overrides in enumerate(job_overrides, initial_job_idx):
            try:
                jobs.append(self._job(plan, overrides, number))
            except (HydraException, OmegaConfBaseException) as error:
                faults.append(ConfigError([f"{' '.join(overrides)}: {str(error).strip().splitlines()[0]}"]))
        faults += [job._return_value for job in jobs if isinstance(job._return_value, Exception)]
        try:
            if faults:
                raise ConfigError.of_all(faults)
            folder = Path(str(self._config.hydra.sweep.dir))
            results = run_sweep(planned, folder, more=initial_job_idx > 0)
        except ConfigError as error:
            sys.stderr.write(f"{error.message}\n")
            sys.exit(2)
        for job, (cell, _), result in zip(jobs, planned, results, strict=True):
            job.return_value = objective_value(result, cell.decision.objective, cell.decision.bounds)
        return jobs

    def _job(self, plan: TaskFunction, overrides: Sequence[str], number: int) -> JobReturn:
        """Let Hydra compose a cell and make its folder, as for running it."""
        assert self._config is not None and self._context is not None
        config = self._context.config_loader.load_sweep_config(self._config, list(overrides))
        with open_dict(config):
            config.hydra.job.id = str(number)
            config.hydra.job.num = number
        return run_job(
            hydra_context=self._context,
            task_function=plan,
            config=config,
            job_dir_key="hydra.sweep.dir",
            job_subdir_key="hydra.sweep.subdir",
        )
