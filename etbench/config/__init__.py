"""The typed form of a composed configuration.

`parse` turns the composed YAML into a frozen `Cell`, or raises one `ConfigError` that lists every
fault. Nothing here imports torch, so a mistake is answered at once.
"""

from __future__ import annotations

from etbench.config.cell import Cell, Recipe
from etbench.config.devices import Device
from etbench.config.generation import Generation
from etbench.config.parsing import parse
from etbench.config.sections import (
    Calibration,
    Evaluate,
    Measure,
    Model,
    Passes,
    Repeat,
    XnnpackRuntime,
)

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
    "parse",
]
