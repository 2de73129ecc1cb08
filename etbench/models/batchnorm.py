"""Live batch-norm statistics for models with random weights.

Freshly initialized batch-norm nets come out dead (mobilenet_v2: output standard deviation 6e-10), so
that neither int8 nor parity means anything. Two batches of real photographs give every layer the
mean and variance of what it sees, as training would.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from etbench.data import crops, photographs
from etbench.models.inputs import ImageInputs

__all__ = ["estimate_statistics"]

BATCHES, BATCH_SIZE = 2, 16


def estimate_statistics(module: nn.Module, image_size: int) -> None:
    """Set running mean and variance of each batch-norm layer from crops of the sample photographs."""
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    if not layers:
        return
    inputs = ImageInputs(image_size)
    images = crops(photographs(None), BATCHES * BATCH_SIZE, seed=0)
    momenta = [layer.momentum for layer in layers]
    module.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over the batches
        layer.train()
    with torch.no_grad():
        for start in range(0, len(images), BATCH_SIZE):
            module(*inputs.encode(images[start : start + BATCH_SIZE]))
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    module.eval()
