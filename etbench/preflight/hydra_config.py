"""Hydra's side of a composition: where the YAML is, its loader, and the keys of what it composed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hydra
from hydra.core.global_hydra import GlobalHydra
from omegaconf import DictConfig, OmegaConf

from etbench.config.command import quoted
from etbench.preflight.broken_files import name_broken_files
from etbench.preflight.hydra_patches import (
    keep_repositories,
    map_choices_where_asked,
    parse_files_once,
    share_sources,
)

__all__ = ["conf_dir", "config_loader", "has_key", "key_paths", "list_options", "own_part"]

keep_repositories()
share_sources()
parse_files_once()
map_choices_where_asked()
name_broken_files()


def conf_dir() -> Path:
    """Return the folder of the YAML groups: inside the installed package, or beside it in a checkout."""
    package = Path(__file__).resolve().parents[1]
    return next(path for path in (package / "conf", package.parent / "conf") if path.is_dir())


@contextmanager
def config_loader(config_dir: str | Path | None) -> Iterator[tuple[Any, list[str]]]:
    """Give Hydra's config loader and the override that adds the user's own folder."""
    search = [f"hydra.searchpath=[{quoted(f'file://{Path(config_dir).resolve()}')}]"] if config_dir else []
    with hydra.initialize_config_dir(config_dir=str(conf_dir()), version_base="1.3"):
        yield GlobalHydra.instance().config_loader(), search


def list_options(loader: Any, search: list[str], config_name: str, group: str) -> list[str]:
    """Return the options of a group, those in its folders as ``folder/option``."""
    found: list[str] = loader.get_group_options(group, config_name=config_name, overrides=search)
    inner = [
        f"{folder}/{name}"
        for folder in loader.list_groups(group)
        for name in list_options(loader, search, config_name, f"{group}/{folder}")
    ]
    return found + inner


def own_part(config: DictConfig) -> DictConfig:
    """Return a composed configuration without Hydra's own part."""
    return OmegaConf.masked_copy(config, [str(key) for key in config if key != "hydra"])


def has_key(config: DictConfig, key: str) -> bool:
    """Return whether a dotted key is in a configuration, one without a value included."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in node._content:  # type: ignore[operator]
            return False
        node = node._get_node(part)
    return True


def key_paths(config: Any, prefix: str = "") -> Iterator[str]:
    """Yield every dotted key of nested mappings, outer ones first."""
    for key, value in config.items():
        yield f"{prefix}{key}"
        if isinstance(value, dict):
            yield from key_paths(value, f"{prefix}{key}.")
