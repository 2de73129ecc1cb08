"""The entry point: `python -m etbench model=resnet18`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from etbench.compose import cell_of_job, check_command_line, conf_dir, resuming
from etbench.errors import ConfigError
from etbench.interrupt import ending_by_signals


def run_cell(config: DictConfig) -> float | None:
    """Run one cell and return its objective; Hydra calls it for a run, and other launchers for each cell."""
    from etbench.console import ConsoleLog
    from etbench.objective import objective_value
    from etbench.run import run
    from etbench.sweep.single import run_in_sweep

    job = HydraConfig.get()
    cell = cell_of_job(config)
    if job.mode == RunMode.MULTIRUN:
        log = ConsoleLog(many=True)  # a launcher may run several at once
        result = run_in_sweep(cell, Path(job.sweep.dir), job.runtime.output_dir, log)
    else:
        with closing(ConsoleLog()) as log:
            result = run(cell, out_dir=job.run.dir, log_dir=job.runtime.output_dir, on_event=log).result
    return objective_value(result, cell.objective, cell.bounds)


def main() -> None:
    """Check the command line, then hand over to Hydra."""
    with ending_by_signals():
        try:
            sys.argv[1:] = check_command_line(resuming(sys.argv[1:]))
        except ConfigError as error:
            sys.stderr.write(f"{error.message}\n")
            sys.exit(2)
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(run_cell)()


if __name__ == "__main__":
    main()
