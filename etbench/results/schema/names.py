"""Names of cells, and of the conditions that distinguish cells of one model, precision and delegate."""

from __future__ import annotations

__all__ = ["SAID", "cell_words"]

SAID = {  # how a condition is written
    "inputs": "{}",
    "weights": "{} weights",
    "threads": "{} threads",
    "runner": "{} runner",
    "runtime": "{}",
    "quantization": "{} quantization",
    "env": "{}",
    "machine": "on {}",
    "varied": "{}",
    "variant": "{}",
}


def cell_words(model: str, precision: str, delegate: str, setting: str = "") -> str:
    """Name a cell.

    >>> cell_words("resnet18", "int8", "xnnpack", "2 threads")
    'resnet18, 2 threads int8 xnnpack'
    """
    return f"{', '.join(filter(None, [model, setting]))} {precision} {delegate}"
