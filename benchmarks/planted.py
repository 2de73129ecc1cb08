"""A small network with one planted change, and a delegate that leaves one of its layers behind."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

__all__ = ["PLANTS", "planted", "xnnpack_without"]

PLANTS = ("none", "doubled", "copy")
CHANNELS, PIXELS, LAYERS = 16, 48, 4


class Planted(nn.Module):
    """Convolutions on both sides of a sum that XNNPACK does not take; `plant` is what one of them adds."""

    def __init__(self, plant: str) -> None:
        super().__init__()
        self.plant = plant
        self.stem = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.body = nn.ModuleList(nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1) for _ in range(LAYERS))
        self.head = nn.Linear(CHANNELS, 10)
        if plant == "doubled":
            self.again = nn.Conv2d(CHANNELS, CHANNELS, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        x = torch.relu(self.stem(x))
        for number, layer in enumerate(self.body):
            x = torch.relu(layer(x))
            if number == 1:
                x = torch.cumsum(x, dim=3) / PIXELS
                if self.plant == "copy":
                    x = x.to(torch.float64).to(torch.float32)
            if number == 2 and self.plant == "doubled":
                x = torch.relu(self.again(x))
        logits: Tensor = self.head(x.mean(dim=(2, 3)))
        return logits


def planted(*, plant: str) -> tuple[nn.Module, Tensor]:
    """Return the network and an example input."""
    torch.manual_seed(0)
    return Planted(plant).eval(), torch.randn(1, 3, PIXELS, PIXELS)


def xnnpack_without(*, module: str) -> list[Any]:
    """Return XNNPACK's partitioner, which refuses the convolution of one module."""
    from executorch.backends.xnnpack.partition.config.gemm_configs import ConvolutionConfig
    from executorch.backends.xnnpack.partition.config.xnnpack_config import why

    from etbench.delegates.partitions import RULES, AcyclicXnnpackPartitioner
    from etbench.precisions.skip import module_path

    class Refusing(ConvolutionConfig):  # type: ignore[misc]  # it publishes no types
        def check_constraints(self, node: torch.fx.Node, ep: Any) -> bool:
            if module_path(node) == module:
                why(node, reason="refused on purpose")
                return False
            return bool(super().check_constraints(node, ep))

    rules = [Refusing if rule is ConvolutionConfig else rule for rule in RULES]
    return [AcyclicXnnpackPartitioner(configs=rules)]
