"""Name the YAML file that is broken, and the place; Hydra (1.3.8) raises whatever the YAML parser raised."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import wraps
from pathlib import Path

import msgspec
from hydra._internal.config_repository import ConfigRepository
from hydra.core.object_type import ObjectType
from hydra.errors import ConfigCompositionException
from hydra.plugins.config_source import ConfigResult
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationResolutionError
from yaml import MarkedYAMLError, YAMLError

from etbench.config.parsing import COMPONENTS
from etbench.preflight.override_text import first_line
from etbench.text import shown_path

__all__ = ["file_faults", "name_broken_files"]

EXAMPLES = {
    "_target_": "my_module.my_function",
    "name": "mine",
    "type": "cv",
    "recommended": "{runs: 50, warmup: 5}",
    "label": "Mine",
    "calibrates": "false",
}


class BrokenFileError(ConfigCompositionException):
    """A YAML file that is not a mapping of keys to values."""


def name_broken_files() -> None:
    """Make Hydra name the file and line of a YAML file that cannot be read."""
    original = ConfigRepository.load_config
    if hasattr(original, "__wrapped__"):
        return

    @wraps(original)
    def load_config(self: ConfigRepository, config_path: str) -> ConfigResult | None:
        source = self._find_object_source(config_path, ObjectType.CONFIG)
        if source is None or source.scheme() != "file":
            return original(self, config_path)
        path = Path(source.path, source._normalize_file_name(config_path))
        try:
            result = original(self, config_path)
        except (YAMLError, ValueError, OSError) as error:  # UnicodeDecodeError is a ValueError
            raise BrokenFileError(f"{shown_path(path)}{_problem(path, error)}") from error
        if result is not None and not isinstance(result.config, DictConfig):
            raise BrokenFileError(
                f"{shown_path(path)}:1: is a list; it must consist of keys with values, such as `name: mine`"
            )
        if result is not None and not result.config and not path.read_text(encoding="utf-8").strip():
            raise BrokenFileError(f"{shown_path(path)}: is empty")
        return result

    ConfigRepository.load_config = load_config  # type: ignore[method-assign]


def file_faults(config: DictConfig, choices: Mapping[str, str | None], folders: Sequence[Path]) -> list[str]:
    """List what is wrong with the chosen files: a missing key, or a value that refers to no key.

    Args:
        config: without Hydra's own part.
        choices: the chosen option of each group.
        folders: with the groups, in the order in which Hydra searches them.

    """
    if lacking := list(_lacking_keys(config, choices, folders)):
        return lacking
    try:
        OmegaConf.missing_keys(config)  # resolves every value
    except InterpolationResolutionError as error:
        return [f"{error.full_key}: {first_line(error)}"]
    return []


def _lacking_keys(
    config: DictConfig, choices: Mapping[str, str | None], folders: Sequence[Path]
) -> Iterator[str]:
    for group, kind in COMPONENTS.items():
        section, option = config.get(group), choices.get(group)
        if not isinstance(section, DictConfig) or option is None:
            continue
        file = Path(group, f"{option}.yaml")
        path = next((folder / file for folder in folders if (folder / file).is_file()), file)
        for field in msgspec.structs.fields(kind):
            key = field.encode_name
            if field.required and key not in list(section):  # a value may be open: `???`
                yield f"{shown_path(path)}: has no key {key!r}, such as `{key}: {EXAMPLES.get(key, '…')}`"


def _problem(path: Path, error: Exception) -> str:
    """Return where in a file an error is, and what it is, in one line."""
    if isinstance(error, UnicodeDecodeError):
        return _not_utf8(path)
    if isinstance(error, MarkedYAMLError) and error.problem_mark is not None:
        problem = str(error.problem or error.context)
        if repr("\t") in problem:
            problem = "a tab; YAML is indented with spaces"
        return f":{error.problem_mark.line + 1}: {problem}"
    if isinstance(error, OSError):
        return f": cannot be read: {error.strerror or error}"
    return f": {' '.join(str(error).split())}"


def _not_utf8(path: Path) -> str:
    body = path.read_bytes()
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        line = body.count(b"\n", 0, error.start) + 1
        return f":{line}: is not UTF-8: byte 0x{body[error.start]:02x}"
    return ": is not UTF-8"
