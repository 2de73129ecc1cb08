"""Five patches of Hydra (1.3.8), which repeats work; `tests/preflight/test_hydra_patches.py` checks them.

- To list the options of a group, `ConfigLoaderImpl.get_group_options` parses the overrides and makes a
  `CachingConfigRepository`, a deep copy of all that is loaded, to look into one folder, and again for the
  next group. That takes about 4 ms, a hundred times for `--help` and thirty times for a check of the command
  line. Here one repository is kept for each set of overrides.
- Each composition starts with the same deep copy, and with the schemas of all plugins in it, although it only
  replaces the list of sources. That is a third of a composition. Here the copy has a list of its own, and
  shares the sources.
- Each composition reads and parses some twenty files again, which is another third. Here a file is parsed
  again only if it has changed.
- For each file that a composition takes from a defaults list, Hydra makes a configuration of all choices so
  far, for entries such as ``model: ${precision}``. That is a quarter of a composition. Here it is only made
  if the list has such an entry.
- Before a sweeper hands its jobs to a launcher it composes each of them, "as the launcher may be performing
  this in a different process/machine", and discards the results. Our launcher composes them all before it
  runs one, at about 50 ms each.
"""

from __future__ import annotations

import copy
import os
from collections.abc import Sequence
from functools import wraps
from io import TextIOWrapper
from typing import Any
from weakref import WeakKeyDictionary

from hydra._internal import defaults_list
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from omegaconf import DictConfig, OmegaConf

__all__ = [
    "compose_jobs_once",
    "keep_repositories",
    "map_choices_where_asked",
    "parse_files_once",
    "share_sources",
]


def keep_repositories() -> None:
    """Make each config loader of this process keep the repository in which it lists groups.

    It has one for each set of overrides, since these may name further folders.
    """
    original = ConfigLoaderImpl.get_group_options
    if hasattr(original, "__wrapped__"):
        return
    copies: WeakKeyDictionary[ConfigLoaderImpl, dict[tuple[str, ...], Any]] = WeakKeyDictionary()

    @wraps(original)
    def get_group_options(
        self: ConfigLoaderImpl,
        group_name: str,
        results_filter: ObjectType | None = ObjectType.CONFIG,
        config_name: str | None = None,
        overrides: list[str] | None = None,
    ) -> list[str]:
        known = copies.setdefault(self, {})
        key = (config_name or "", *(overrides or ()))
        if key not in known:
            known[key] = self._parse_overrides_and_create_caching_repo(config_name, overrides or [])[1]
        return list(known[key].get_group_options(group_name, results_filter))

    ConfigLoaderImpl.get_group_options = get_group_options  # type: ignore[method-assign]


def share_sources() -> None:
    """Make copies of a repository share its sources; Hydra never changes one."""

    def copied(self: ConfigRepository, _memo: dict[int, Any]) -> ConfigRepository:
        flat = copy.copy(self)
        flat.sources = list(self.sources)
        return flat

    ConfigRepository.__deepcopy__ = copied  # type: ignore[attr-defined]


def parse_files_once() -> None:
    """Make this process parse a YAML file once for all compositions, until it changes."""
    original = OmegaConf.load
    if hasattr(original, "__wrapped__"):
        return
    parsed: dict[tuple[int, int], tuple[tuple[int, int], Any]] = {}

    @wraps(original)
    def load(file_: Any) -> Any:
        if not isinstance(file_, TextIOWrapper):
            return original(file_)
        status = os.fstat(file_.fileno())
        key, state = (status.st_dev, status.st_ino), (status.st_mtime_ns, status.st_size)
        if key not in parsed or parsed[key][0] != state:
            parsed[key] = state, original(file_)
        return copy.deepcopy(parsed[key][1])

    OmegaConf.load = load  # type: ignore[method-assign]


def map_choices_where_asked() -> None:
    """Make Hydra map the choices only where an entry of a defaults list refers to one."""
    original = defaults_list._create_interpolation_map
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def mapped(overrides: Any, defaults: list[Any], self_added: bool) -> DictConfig:
        if any(entry.is_interpolation() for entry in defaults):
            return original(overrides, defaults, self_added)
        return OmegaConf.create()

    defaults_list._create_interpolation_map = mapped  # type: ignore[assignment]


def compose_jobs_once(launcher: type[Launcher]) -> None:
    """Keep sweepers from composing the jobs for a launcher of this type, which composes them itself."""
    original = Sweeper.validate_batch_is_legal
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def validate_batch_is_legal(self: Sweeper, batch: Sequence[Sequence[str]]) -> None:
        if not isinstance(getattr(self, "launcher", None), launcher):
            original(self, batch)

    Sweeper.validate_batch_is_legal = validate_batch_is_legal  # type: ignore[method-assign]
