"""From overrides to a cell, and from the options of a group to their cells."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hydra
import msgspec
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig
from omegaconf.errors import OmegaConfBaseException

from etbench.config import Cell, parse
from etbench.config.command import cell_arguments
from etbench.errors import ConfigError
from etbench.preflight.command_line import check_overrides
from etbench.preflight.hydra_config import config_loader, list_options
from etbench.preflight.override_text import first_line

__all__ = ["cell_of_job", "compose", "compose_options", "option_names"]


def compose(overrides: Sequence[str] = (), *, config_dir: str | Path | None = None) -> Cell:
    """Compose one cell from Python, as the command line would.

    Args:
        overrides: the arguments of ``python -m etbench``, such as ``["model=resnet18"]``.
        config_dir: a folder with YAML groups of your own, as for ``--config-dir``.

    Raises:
        ConfigError: with all errors of the overrides.

    """
    cell = check_overrides(list(overrides), config_dir=config_dir, multirun=False).cell
    if cell is None:  # an experiment that is a sweep
        with config_loader(config_dir) as (_, search):
            cell = parse(hydra.compose("config", overrides=[*search, *overrides]))
    return msgspec.structs.replace(cell, command=cell_arguments(overrides, {"--config-dir": config_dir}))


def cell_of_job(config: DictConfig) -> Cell:
    """Return the cell of the job that Hydra is about to run, from what it composed.

    Raises:
        ConfigError: with all errors in it.

    """
    job = HydraConfig.get()
    own = (source.path for source in job.runtime.config_sources if source.provider == "command-line")
    name = job.job.config_name
    flags = {"--config-dir": next(own, None), "--config-name": None if name == "config" else name}
    return msgspec.structs.replace(parse(config), command=cell_arguments(job.overrides.task, flags))


def option_names(group: str, *, config_dir: str | Path | None = None) -> list[str]:
    """List the options of a group, those in its folders as ``folder/option``."""
    with config_loader(config_dir) as (loader, search):
        return list_options(loader, search, "config", group)


def compose_options(
    group: str, names: Sequence[str], *, config_dir: str | Path | None = None
) -> dict[str, Cell | ConfigError]:
    """Compose the default cell with each of some options: the cell, or the errors of that option's YAML.

    Args:
        group: ``model``, ``precision`` or another folder of ``conf/``.
        names: of its options.
        config_dir: a folder with YAML groups of your own, as for ``--config-dir``.

    """
    found: dict[str, Cell | ConfigError] = {}
    with config_loader(config_dir) as (_, search):
        for option in names:
            try:
                found[option] = parse(hydra.compose("config", overrides=[*search, f"{group}={option}"]))
            except ConfigError as error:
                found[option] = error
            except (HydraException, OmegaConfBaseException) as error:
                found[option] = ConfigError([f"{group}={option}: {first_line(error)}"])
    return found
