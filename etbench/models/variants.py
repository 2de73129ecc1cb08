"""Values of a model's configuration with which a checkpoint fits, derived from the shapes of its tensors."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import islice, product
from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["Variants"]

MOST = 32  # variants that are tried
NUMBERED = re.compile(r"^(.*?)\.(\d+)\.")  # a layer of a list, such as `encoder.layer.11.`
COUNTERS = "num_batches_tracked"


@dataclass(frozen=True)
class Variants:
    """A model that can be made again with other values of `model.config`.

    Args:
        make: returns the model with these changes of its configuration.
        values: the values that may be changed, by name; None for one that is not known.
        given: the names of the values that the user or the YAML changes already.

    """

    make: Callable[[dict[str, Any]], nn.Module]
    values: Mapping[str, int | None]
    given: Mapping[str, Any]

    def fitting(self, own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> str:
        """Return the advice to make the model with values that fit a checkpoint, or nothing.

        A value is a candidate if it equals a size in the model that is another one in the checkpoint. Each
        combination is tried, without memory for the weights, so that only advice that works is given.

        Args:
            own: the state dict of the model.
            state: that of the checkpoint.

        """
        candidates = [
            [(name, other) for name, value in self.values.items() if value in (None, mine)]
            for mine, other in sorted({*_other_sizes(own, state), *_other_depths(own, state)})
        ]
        candidates = [choice for choice in candidates if choice]  # other sizes are made from these
        for pairs in islice(product(*candidates), MOST if candidates else 0):
            changes: dict[str, int] = {}
            if all(changes.setdefault(*pair) == pair[1] for pair in pairs) and self._fits(changes, state):
                return f"it fits with {' '.join(self._override(*pair) for pair in changes.items())}"
        return ""

    def _override(self, name: str, value: int) -> str:
        return f"{'++' if name in self.given else '+'}model.config.{name}={value}"

    def _fits(self, changes: dict[str, int], state: Mapping[str, Tensor]) -> bool:
        try:
            with torch.device("meta"):
                made = self.make(changes)
        except Exception:  # whatever a model makes of such values
            return False
        shapes = {name: tensor.shape for name, tensor in made.state_dict().items()}
        return _without_counters(shapes) == _without_counters({name: t.shape for name, t in state.items()})


def _other_sizes(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> set[tuple[int, int]]:
    """Return the sizes of axes that differ, each with that in the checkpoint."""
    both = [(own[name].shape, state[name].shape) for name in own if name in state]
    return {
        (mine, other)
        for shapes in both
        if len(shapes[0]) == len(shapes[1])
        for mine, other in zip(*shapes, strict=True)
        if mine != other
    }


def _other_depths(own: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> set[tuple[int, int]]:
    """Return the lengths of lists of layers that differ, each with that in the checkpoint."""
    mine, other = _depths(own), _depths(state)
    return {(mine[name], other[name]) for name in mine if name in other and mine[name] != other[name]}


def _depths(state: Mapping[str, Tensor]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for name in state:
        if found := NUMBERED.match(name):
            depths[found[1]] = max(depths.get(found[1], 0), int(found[2]) + 1)
    return depths


def _without_counters(shapes: Mapping[str, torch.Size]) -> dict[str, torch.Size]:
    return {name: shape for name, shape in shapes.items() if not name.endswith(COUNTERS)}
