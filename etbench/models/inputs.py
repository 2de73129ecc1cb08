"""Turn real photographs and sentences into the tensors a model takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import ClassVar, Literal, Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor

__all__ = ["FixedInputs", "ImageInputs", "Inputs", "TextInputs"]

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)


class Inputs(Protocol):
    """How a model is fed: `kind` says with what, `batch` with how many at once."""

    kind: ClassVar[Literal["image", "text", "fixed"]]

    @property
    def batch(self) -> int:
        """How many items one inference takes."""

    @property
    def description(self) -> str:
        """How an item becomes tensors, for the result."""


@dataclass(frozen=True)
class ImageInputs:
    """RGB images, resized to a square and normalized as for ImageNet."""

    size: int
    batch: int = 1
    kind: ClassVar[Literal["image"]] = "image"
    description: ClassVar[str] = "bilinear resize, ImageNet mean and standard deviation"

    def encode(self, images: Sequence[Image.Image]) -> tuple[Tensor]:
        """Return one float tensor of shape (len(images), 3, size, size)."""
        resized = [image.convert("RGB").resize((self.size, self.size), _BILINEAR) for image in images]
        pixels = np.stack([np.asarray(image, dtype=np.float32) for image in resized]) / 255.0
        normal = (pixels - np.float32(IMAGENET_MEAN)) / np.float32(IMAGENET_STD)
        return (torch.from_numpy(normal.transpose(0, 3, 1, 2).copy()),)


@dataclass(frozen=True)
class TextInputs:
    """Sentences as token ids and an attention mask, both int64 of shape (batch, seq_len)."""

    tokenize: Callable[[Sequence[str]], tuple[Tensor, Tensor]]
    description: str
    batch: int = 1
    kind: ClassVar[Literal["text"]] = "text"

    def encode(self, sentences: Sequence[str]) -> tuple[Tensor, Tensor]:
        """Return ids and mask, cut or padded to the sequence length."""
        return self.tokenize(sentences)


@dataclass(frozen=True)
class FixedInputs:
    """Example tensors that came with the model; there is no other data for it."""

    tensors: tuple[Tensor, ...]
    kind: ClassVar[Literal["fixed"]] = "fixed"
    description: str = field(default="the example inputs of the model's own _target_")

    @property
    def batch(self) -> int:
        """Size of the first axis of the first tensor."""
        return self.tensors[0].shape[0] if self.tensors and self.tensors[0].ndim else 1


_BILINEAR = Image.Resampling.BILINEAR
