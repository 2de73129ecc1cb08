"""A small network that recognizes handwritten digits, with trained weights: accuracy without a download."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn

from etbench.data import digits
from etbench.errors import EtbenchError
from etbench.models.batchnorm import statistics_of
from etbench.models.inputs import FixedInputs
from etbench.models.loading import LoadedModel
from etbench.models.weights import apply_checkpoint

__all__ = ["DigitsNet", "classifier"]

WEIGHTS = Path(__file__).with_name("digits.safetensors")  # benchmarks/train_digits.py wrote it
CHANNELS = (28, 56, 56, 112, 112, 112)  # of the stem, and of each block
STRIDES = (1, 1, 2, 1, 1)
CLASSES = 10
DESCRIPTION = "training half of the handwritten digits of scikit-learn (CC BY 4.0); pixels from 0 to 1"


class DigitsNet(nn.Sequential):
    """Five blocks of a depthwise and a pointwise convolution, as in MobileNet: 42,402 parameters.

    It takes images of shape (batch, 1, 8, 8) and returns logits of shape (batch, 10).
    """

    def __init__(self) -> None:
        stem = [nn.Conv2d(1, CHANNELS[0], 3, padding=1, bias=False), nn.BatchNorm2d(CHANNELS[0]), nn.ReLU()]
        pairs = zip(CHANNELS, CHANNELS[1:], STRIDES, strict=False)
        blocks = [_block(given, made, stride) for given, made, stride in pairs]
        head = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(CHANNELS[-1], CLASSES)]
        super().__init__(nn.Sequential(*stem), *blocks, nn.Sequential(*head))


def _block(given: int, made: int, stride: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(given, given, 3, stride=stride, padding=1, groups=given, bias=False),
        nn.BatchNorm2d(given),
        nn.ReLU(),
        nn.Conv2d(given, made, 1, bias=False),
        nn.BatchNorm2d(made),
        nn.ReLU(),
    )


def classifier(*, weights: str, seed: int, batch: int, spread: float = 1.0) -> LoadedModel:
    """Return the network with images of the training half, which calibrate it.

    Args:
        weights: ``pretrained`` for those that come with etbench, ``random`` or a checkpoint's path.
        seed: of the random weights, which the caller has set, and of the channels that `spread` enlarges.
        batch: images in one inference.
        spread: the ratio of the largest to the smallest channel that is brought into each depthwise
            convolution, without changing the function; 1 for none, see `spread_channels`.

    Raises:
        EtbenchError: of stage ``load`` for a spread below 1, a batch of more images than there are, and
            weights that do not fit.

    """
    if spread < 1:
        raise EtbenchError(f"model.spread={spread}: expected 1 or more", stage="load")
    images = torch.from_numpy(digits.training()[0])
    if batch > len(images):
        raise EtbenchError(f"model.batch={batch}: there are {len(images)} training images", stage="load")
    batches = torch.split(images, batch)[: len(images) // batch]
    net = DigitsNet()
    if weights == "random":
        statistics_of(net, [(images,)])
    else:
        apply_checkpoint(net, WEIGHTS if weights == "pretrained" else Path(weights))
    if spread > 1:
        spread_channels(net, spread, seed)
    first, *more = [(one,) for one in batches]
    inputs = FixedInputs(first, DESCRIPTION, tuple(more), kind="own")
    return LoadedModel(net, inputs, logits_axis=1, weights=weights)


def spread_channels(net: DigitsNet, spread: float, seed: int) -> None:
    """Multiply the channels between the two convolutions of each block, and divide what reads them.

    ReLU is homogeneous, so the function of the network stays, but a channel may be `spread` times as large as
    another one, as the folded batch norms of many trained networks make it. One scale for all channels, as
    int8 has it for activations, and per tensor for weights, then rounds the small ones away (Nagel et al.,
    "Data-free quantization through weight equalization and bias correction", ICCV 2019, go the other way).
    """
    generator = torch.Generator().manual_seed(seed)
    for block in list(net)[1:-1]:
        assert isinstance(block, nn.Sequential)
        norm, pointwise = block[1], block[3]
        assert isinstance(norm, nn.BatchNorm2d)
        assert isinstance(pointwise, nn.Conv2d)
        factors = _factors(norm.num_features, spread, generator)
        with torch.no_grad():
            norm.weight.mul_(factors)
            norm.bias.mul_(factors)
            pointwise.weight.div_(factors.reshape(1, -1, 1, 1))


def _factors(channels: int, spread: float, generator: torch.Generator) -> Tensor:
    """Return a factor for each channel, evenly spaced on a log scale around 1 and in random order."""
    exponents = torch.linspace(-0.5, 0.5, channels)[torch.randperm(channels, generator=generator)]
    return spread**exponents
