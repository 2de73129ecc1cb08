"""The entry point: `python -m etbench model=resnet18`."""

from __future__ import annotations

import sys
from contextlib import closing
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from etbench.errors import ConfigError
from etbench.preflight.compose import cell_of_job, check_command_line, conf_dir
from etbench.sweep.resuming import resuming
from etbench.system.interrupt import ending_by_signals
from etbench.terminal.pipe import ending_with_the_reader


def run_cell(config: DictConfig) -> float | None:
    """Run one cell and return its objective; Hydra calls it for a run, and other launchers for each cell."""
    from etbench.engine.run import run
    from etbench.results.objective import objective_value
    from etbench.sweep.lines import SweepLines
    from etbench.sweep.single import run_in_sweep
    from etbench.terminal.console import ConsoleLog

    job = HydraConfig.get()
    cell = cell_of_job(config)
    if job.mode == RunMode.MULTIRUN:
        lines = SweepLines([cell])  # a launcher may run several at once
        result = run_in_sweep(cell, Path(job.sweep.dir), job.runtime.output_dir, lines)
    else:
        with closing(ConsoleLog()) as log:
            result = run(cell, out_dir=job.run.dir, log_dir=job.runtime.output_dir, on_event=log).result
    return objective_value(result, cell.objective, cell.bounds)


def main() -> None:
    """Run the command; a reader that leaves ends it quietly."""
    with ending_with_the_reader():
        _main()


def _main() -> None:
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
