"""A part of a model by its name: the backbone of a detector, the encoder of an encoder-decoder."""

from __future__ import annotations

from torch import nn

from etbench.errors import EtbenchError, nearest

__all__ = ["part_of"]

SHOWN = 12


def part_of(module: nn.Module, name: str | None) -> nn.Module:
    """Return the submodule of this dotted name, or all of it for None.

    Raises:
        EtbenchError: of stage ``load`` if there is none; names the nearest.

    """
    if name is None:
        return module
    parts: dict[str, nn.Module] = dict(module.named_modules())
    if name not in parts:
        first = ", ".join([child for child, _ in module.named_children()][:SHOWN])
        raise EtbenchError(
            f"model.part={name}: {type(module).__name__} has no such part{nearest(name, parts)}",
            stage="load",
            hint=f"its parts are: {first}, and theirs, such as model.part={next(reversed(parts))}",
        )
    return parts[name]
