"""What a command line composes, without running it: a configuration, or all its cells."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra._internal.core_plugins.basic_sweeper import BasicSweeper
from hydra._internal.utils import get_args_parser
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from etbench.config import Cell, parse
from etbench.errors import ConfigError
from etbench.preflight.hydra_config import config_loader, own_part
from etbench.preflight.override_text import first_line

__all__ = ["composed", "expanded"]

SWEEPER = "hydra._internal.core_plugins.basic_sweeper.BasicSweeper"


def composed(overrides: Sequence[str], *, config_dir: str | None, name: str | None) -> DictConfig:
    """Return the configuration with Hydra's part, without what is swept.

    Raises:
        ConfigError: if Hydra cannot compose it.

    """
    with config_loader(config_dir) as (loader, search), _explained():
        parser = OverridesParser.create(config_loader=loader)
        single = [text for text in overrides if not parser.parse_override(text).is_sweep_override()]
        return hydra.compose(name or "config", overrides=[*search, *single], return_hydra_config=True)


def expanded(argv: Sequence[str]) -> tuple[Path, list[Cell]]:
    """Return the folder of the results, and the cells that a checked command line asks for, in their order.

    Raises:
        ConfigError: with all errors of the cells; for a sweeper that chooses its cells during the sweep.

    """
    args = get_args_parser().parse_args(list(argv))
    mode = RunMode.MULTIRUN if args.multirun else RunMode.RUN
    with config_loader(args.config_dir) as (loader, search), _explained():
        whole = loader.load_configuration(
            config_name=args.config_name or "config",
            overrides=[*search, *args.overrides],
            run_mode=mode,
            from_shell=False,
        )
        whole.hydra.mode = whole.hydra.mode or mode
        if whole.hydra.mode == RunMode.RUN:
            return Path(whole.hydra.run.dir), [parse(own_part(whole))]
        jobs = _jobs(whole, OverridesParser.create(config_loader=loader), args.overrides)
        return Path(whole.hydra.sweep.dir), _cells(loader, whole, jobs)


def _jobs(whole: DictConfig, parser: OverridesParser, overrides: Sequence[str]) -> list[list[str]]:
    """Return the overrides of each job, as Hydra's own sweeper lays them out."""
    if whole.hydra.sweeper._target_ != SWEEPER:
        choice = whole.hydra.runtime.choices["hydra/sweeper"]
        raise ConfigError(
            [f"hydra/sweeper={choice}: chooses its cells during the sweep, so they cannot be listed before"]
        )
    own = [text for text in overrides if not parser.parse_override(text).is_hydra_override()]
    swept = [f"{key}={value}" for key, value in (whole.hydra.sweeper.params or {}).items()]
    batches = BasicSweeper.split_arguments(parser.parse_overrides([*swept, *own]), None)
    return [list(job) for batch in batches for job in batch]


def _cells(loader: Any, whole: DictConfig, jobs: Sequence[list[str]]) -> list[Cell]:
    cells: list[Cell] = []
    faults: list[str] = []
    for job in jobs:
        try:
            cells.append(parse(own_part(loader.load_sweep_config(whole, job))))
        except ConfigError as error:
            faults += error.faults
        except (HydraException, OmegaConfBaseException) as error:
            faults.append(f"{' '.join(job)}: {first_line(error)}")
    if faults:
        raise ConfigError(list(dict.fromkeys(faults)))
    return cells


@contextmanager
def _explained() -> Iterator[None]:
    try:
        yield
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError([first_line(error)]) from error
