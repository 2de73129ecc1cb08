"""The typed form of a composed configuration.

`parse` turns the composed YAML into a frozen `Cell`, or raises one `ConfigError` that lists every
error. Nothing here imports torch, so errors are reported at once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from etbench.config.cell import Cell, Recipe, decides_cell
from etbench.config.devices import Device
from etbench.config.generation import Generation
from etbench.config.sections import (
    Calibration,
    Evaluate,
    Measure,
    Model,
    Passes,
    Repeat,
    XnnpackRuntime,
)

if TYPE_CHECKING:
    from etbench.config.parsing import parse

__all__ = [
    "Calibration",
    "Cell",
    "Device",
    "Evaluate",
    "Generation",
    "Measure",
    "Model",
    "Passes",
    "Recipe",
    "Repeat",
    "XnnpackRuntime",
    "decides_cell",
    "parse",
]


def __getattr__(name: str) -> Any:
    """Import OmegaConf only to parse a configuration: child processes get the parsed one."""
    if name == "parse":
        from etbench.config.parsing import parse

        return parse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
