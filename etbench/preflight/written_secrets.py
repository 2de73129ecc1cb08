"""Secrets that are written into a command line or a YAML file, which every record of a run would repeat."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, Override, QuotedString
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf

from etbench.errors import ConfigError
from etbench.redaction import secret_fault, secrets_written_in

__all__ = ["refuse_written_secrets", "secrets_of_files", "secrets_of_override"]

HYDRAS = ("help", "hydra_help", "overrides", "runtime")  # parts that nobody writes


def secrets_of_override(item: Override) -> list[str]:
    """Return an error for each secret in the values of an override."""
    value = item.value()
    values = value.list if isinstance(value, ChoiceSweep) else [value]
    return list(
        dict.fromkeys(
            secret_fault(place)
            for one in values
            for place in secrets_written_in({item.key_or_group: _plain(one)})
        )
    )


def secrets_of_files(composed: DictConfig) -> list[str]:
    """Return an error for each secret in a composed configuration, Hydra's own part included."""
    plain: Any = OmegaConf.to_container(composed, resolve=False)
    if "hydra" in plain:
        plain["hydra"] = {name: part for name, part in plain["hydra"].items() if name not in HYDRAS}
    return [secret_fault(place) for place in secrets_written_in(plain)]


def refuse_written_secrets(overrides: Iterable[str]) -> None:
    """Check overrides that are not checked otherwise.

    Raises:
        ConfigError: for secrets.

    """
    parser, faults = OverridesParser.create(), list[str]()
    for text in overrides:
        try:
            faults += secrets_of_override(parser.parse_override(text))
        except HydraException:  # Hydra itself reports it
            continue
    if faults:
        raise ConfigError(faults)


def _plain(value: Any) -> Any:
    """Return a value of Hydra's grammar as plain Python."""
    match value:
        case QuotedString():
            return value.text
        case dict():
            return {str(_plain(key)): _plain(inner) for key, inner in value.items()}
        case list():
            return [_plain(inner) for inner in value]
    return value
