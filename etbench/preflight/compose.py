"""From overrides to a cell, and from the options of a group to their cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import hydra
import msgspec
from hydra.core.hydra_config import HydraConfig
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from etbench.config import Cell, parse
from etbench.config.command import cell_arguments
from etbench.errors import ConfigError
from etbench.preflight.command_line import OPTION, check_overrides
from etbench.preflight.hydra_config import conf_dir, config_loader, has_key, list_options
from etbench.preflight.override_text import first_line, override_key

__all__ = ["cell_of_job", "compose", "compose_options", "option_names", "without_needless_plus"]


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
    own = next(
        (source.path for source in job.runtime.config_sources if source.provider == "command-line"), None
    )
    name = job.job.config_name
    flags = {"--config-dir": own, "--config-name": None if name == "config" else name}
    folders = [*([Path(own)] if own else []), conf_dir()]
    overrides = [without_needless_plus(text, job.runtime.choices, folders) for text in job.overrides.task]
    return msgspec.structs.replace(parse(config), command=cell_arguments(overrides, flags))


def without_needless_plus(text: str, choices: Mapping[str, str | None], folders: Sequence[Path]) -> str:
    """Return an override without the ``++`` that `check_command_line` puts before a key for Hydra.

    A command of one cell needs none for an option of the accuracy function, and for a key that is in the
    YAML file of the chosen option.

    Args:
        text: of the override.
        choices: the chosen option of each group.
        folders: with the groups, in the order in which they are searched.

    """
    plain = text.removeprefix("++")
    if plain == text or OPTION.match(plain):
        return plain
    group, _, key = override_key(plain).partition(".")
    file = Path(group, f"{choices.get(group)}.yaml")
    path = next((folder / file for folder in folders if (folder / file).is_file()), None)
    found = OmegaConf.load(path) if path and key else None
    return plain if isinstance(found, DictConfig) and has_key(found, key) else text


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
