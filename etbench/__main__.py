"""The entry point: `python -m etbench model=resnet18`."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from etbench.compose import check_command_line, conf_dir
from etbench.errors import ConfigError


def run_cell(config: DictConfig) -> None:
    """Run one cell; Hydra calls it once for a run, and for each cell of a sweep."""
    from etbench.config import parse
    from etbench.console import ConsoleLog
    from etbench.run import run

    job = HydraConfig.get()
    folder = job.sweep.dir if job.mode == RunMode.MULTIRUN else job.run.dir
    run(parse(config), out_dir=Path(folder), log_dir=job.runtime.output_dir, on_event=ConsoleLog())


def main() -> None:
    """Check the command line, then hand over to Hydra."""
    try:
        check_command_line(sys.argv[1:])
    except ConfigError as error:
        sys.exit(_usage(error))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))  # clean up as for Ctrl-C
    try:
        hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(run_cell)()
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)


def _usage(error: ConfigError) -> int:
    sys.stderr.write(f"{error.message}\n")
    return 2


if __name__ == "__main__":
    main()
