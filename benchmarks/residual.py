"""A small residual network with random weights, some of whose blocks cost int8 much more than others."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["residual"]

WIDTHS = (8, 32, 16, 64)
SPREADS = (1.0, 1000.0, 10.0, 100.0)  # of the channels inside of each block
CHANNELS = 16


class Block(nn.Module):
    """Two convolutions around a ReLU, and an addition; the spread changes its scales, not its function."""

    def __init__(self, width: int, spread: float) -> None:
        super().__init__()
        self.expand, self.act = nn.Conv2d(CHANNELS, width, 3, padding=1), nn.ReLU()
        self.reduce = nn.Conv2d(width, CHANNELS, 1)
        exponents = torch.linspace(0, 1, width)[torch.randperm(width)]
        factors = spread**exponents
        assert self.expand.bias is not None
        with torch.no_grad():
            self.expand.weight.mul_(factors[:, None, None, None])
            self.expand.bias.mul_(factors)
            self.reduce.weight.div_(factors[None, :, None, None])

    def forward(self, x: Tensor) -> Tensor:
        added: Tensor = self.reduce(self.act(self.expand(x)))
        return x + added


class Net(nn.Module):
    """Four residual blocks and a classifier."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.blocks = nn.Sequential(*map(Block, WIDTHS, SPREADS))
        self.head = nn.Linear(CHANNELS, 10)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.head(self.blocks(self.stem(x)).mean((2, 3)))
        return logits


def residual() -> tuple[nn.Module, list[Tensor]]:
    """Return the network and inputs."""
    return Net().eval(), [torch.randn(1, 3, 12, 12) for _ in range(14)]
