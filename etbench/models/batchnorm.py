"""Batch-norm statistics from real data, for models with random weights.

Freshly initialized networks with batch norm have almost constant outputs (mobilenet_v2: standard deviation
6e-10), so that neither int8 nor parity means anything. Two batches of real data give every layer the
mean and variance of its inputs, as training would.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from etbench.data import crops, image_paths, photographs, sentences
from etbench.models.inputs import ImageInputs, TextInputs

__all__ = ["estimate_statistics", "statistics_of"]

BATCHES, BATCH_SIZE = 2, 16


def estimate_statistics(module: nn.Module, inputs: ImageInputs | TextInputs) -> None:
    """Set running mean and variance of each batch-norm layer from the sample photographs or sentences."""
    if any(isinstance(layer, _BatchNorm) for layer in module.modules()):
        items = _items(inputs, BATCHES * BATCH_SIZE)
        starts = range(0, len(items), BATCH_SIZE)
        statistics_of(module, (inputs.encode(items[start : start + BATCH_SIZE]) for start in starts))


def statistics_of(module: nn.Module, batches: Iterable[Sequence[Tensor]]) -> None:
    """Set running mean and variance of each batch-norm layer from batches of inputs."""
    layers = [layer for layer in module.modules() if isinstance(layer, _BatchNorm)]
    momenta = [layer.momentum for layer in layers]
    module.eval()
    for layer in layers:
        layer.reset_running_stats()
        layer.momentum = None  # a plain average over the batches
        layer.train()
    with torch.no_grad():
        for batch in batches:
            module(*batch)
    for layer, momentum in zip(layers, momenta, strict=True):
        layer.momentum = momentum
    module.eval()


def _items(inputs: ImageInputs | TextInputs, count: int) -> list[Any]:
    if isinstance(inputs, ImageInputs):
        return crops(photographs(image_paths(None)), count, seed=0)
    lines = sentences(None)
    return [lines[number % len(lines)] for number in range(count)]
