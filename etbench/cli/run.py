"""`run`: build and measure one cell, or a grid of cells with -m. Hydra parses its arguments."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import hydra
from hydra._internal.utils import get_args_parser
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import env_override
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from etbench.cli.parsing import parsed
from etbench.cli.words import hints
from etbench.errors import ConfigError, EtbenchError
from etbench.exit_status import FAILED
from etbench.preflight.command_line import check_command_line
from etbench.preflight.compose import cell_of_job
from etbench.preflight.hydra_config import conf_dir
from etbench.preflight.override_text import override_key, override_value
from etbench.sweep.resuming import resuming
from etbench.system.interrupt import ending_by_signals
from etbench.system.os_errors import NO_ROOM, os_error_text
from etbench.terminal.pipe import is_of_the_output

__all__ = ["main", "parser", "run_cell"]

DRY_RUN = "--dry-run"
OUTPUT_KEYS = ("hydra.run.dir", "hydra.sweep.dir")


def parser() -> argparse.ArgumentParser:
    """Return the parser of the options; the overrides are checked and composed elsewhere."""
    options: argparse.ArgumentParser = get_args_parser()
    options.prog = "etbench run"
    own = options.add_argument_group("etbench", conflict_handler="resolve")  # replaces options of Hydra
    own.add_argument(DRY_RUN, action="store_true", help="list what would be done, without doing it")
    own.add_argument("--version", action="store_true", help="print the versions of etbench and its libraries")
    return options


def main(arguments: Sequence[str]) -> int:
    """Check the command line, then call Hydra.

    Raises:
        EtbenchError: with all errors of the command line.

    """
    with ending_by_signals():
        return _main(list(arguments))


def _main(arguments: list[str]) -> int:
    args = parsed(parser(), arguments)
    if args.version:
        from etbench.cli.about import version_text

        sys.stdout.write(version_text())
        return 0
    if args.help and not (args.config_path or args.experimental_rerun):
        from etbench.cli.run_help import help_text

        sys.stdout.write(help_text(args.overrides, config_dir=args.config_dir, name=args.config_name))
        return 0
    if fault := _flags_fault(args):
        raise EtbenchError(fault, stage="config")
    try:
        checked = check_command_line(resuming([text for text in arguments if text != DRY_RUN]))
    except ConfigError as error:
        said = [error.message, *hints(args.overrides, error.faults)]
        raise EtbenchError("\n".join(said), stage="config") from error
    if args.dry_run:
        from etbench.cli.dry_run import print_plan

        return print_plan(checked)
    sys.argv[1:] = checked
    return _composed_and_run()


def _flags_fault(args: argparse.Namespace) -> str | None:
    """Return what Hydra would end with a traceback for."""
    chosen = {"run": args.run, "cfg": args.cfg, "info": args.info, "shell-completion": args.shell_completion}
    given = [f"--{name}" for name, value in chosen.items() if value]
    if len(given) > 1:
        return f"{' '.join(given)}: use only one of them"
    return "--resolve: is for --cfg, such as --cfg job --resolve" if args.resolve and not args.cfg else None


def _composed_and_run() -> int:
    """Let Hydra compose the cells and run them; a callback exits with the status of their results.

    Raises:
        EtbenchError: if they cannot be composed or started.

    """
    with env_override({"HYDRA_FULL_ERROR": "1"}):  # raise errors, instead of printing tracebacks
        try:
            hydra.main(version_base="1.3", config_path=str(conf_dir()), config_name="config")(run_cell)()
        except HydraException as error:
            cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else ""
            raise EtbenchError("\n".join(filter(None, map(str, (error, cause)))), stage="config") from error
        except OSError as error:
            if is_of_the_output(error):
                raise
            if error.filename is None and error.errno in NO_ROOM:
                error.filename = _output_folder(sys.argv[1:])
            sys.stderr.write(f"{os_error_text(error)}\n")
            return FAILED
    return 0


def _output_folder(arguments: Sequence[str]) -> str:
    """Return the folder of the results, or that of all runs if Hydra chooses one in it."""
    given = [override_value(text) for text in arguments if override_key(text) in OUTPUT_KEYS]
    return given[-1] if given else "outputs"


def run_cell(config: DictConfig) -> float | None:
    """Run one cell and return its objective; Hydra calls it for a run, and other launchers for each cell."""
    from etbench.engine.run import run
    from etbench.results.decision.objective import objective_value
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
    return objective_value(result, cell.decision.objective, cell.decision.bounds)
