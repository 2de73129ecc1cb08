"""mobilenet_v2 with extra matrix products in the same program, so that it is truly slower."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from etbench.models import LoadedModel
from etbench.models.inputs import ImageInputs
from etbench.models.torchvision_ops import ensure_importable

WIDTH = 512


class Slowed(nn.Module):
    """Adds a thousandth of the result of `rows` x WIDTH x WIDTH products to the logits."""

    def __init__(self, net: nn.Module, rows: int) -> None:
        super().__init__()
        self.net = net
        self.rows = rows
        self.extra = nn.Linear(WIDTH, WIDTH)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.net(images)
        if not self.rows:
            return logits
        pixels = images.flatten()[: self.rows * WIDTH].reshape(self.rows, WIDTH)
        extra: Tensor = self.extra(pixels)
        return logits + 1e-3 * extra.mean()


def slowed(*, rows: int) -> LoadedModel:
    """Return the model; the products take about `rows` x 262,144 multiplications, with 294 rows at most."""
    ensure_importable()
    from torchvision.models import mobilenet_v2

    torch.manual_seed(0)
    return LoadedModel(Slowed(mobilenet_v2(), rows), ImageInputs(224), logits_axis=1)
