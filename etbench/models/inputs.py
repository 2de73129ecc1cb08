"""Turn real photographs and sentences into the tensors a model takes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar

import msgspec
import numpy as np
import torch
from PIL import Image
from torch import Tensor

from etbench.config.model_data import DataKind, is_image
from etbench.config.sections import InputSpec

__all__ = [
    "FixedInputs",
    "ImageInputs",
    "Inputs",
    "Normalization",
    "PromptInputs",
    "SpeechInputs",
    "TextInputs",
    "common_batch",
    "contiguous",
    "in_index_order",
    "shaped_inputs",
]

_BILINEAR = Image.Resampling.BILINEAR
PIXELS = "pixels"  # the normalization, among the notes of a program
MADE_UP = "seeded normal values and ones of the given shapes: no real data are known for them"


@dataclass(frozen=True)
class Normalization:
    """Mean to subtract from pixels between 0 and 1, and standard deviation to divide by, per channel.

    `source` names whose they are in the description of the data; without one, ImageNet's are recognized.
    """

    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    source: str = ""

    @classmethod
    def from_notes(cls, notes: Mapping[str, str]) -> Normalization | None:
        """Return the one in the `notes` of a model's inputs; None for inputs that are not photographs."""
        return msgspec.json.decode(notes[PIXELS], type=cls) if PIXELS in notes else None


@dataclass(frozen=True)
class ImageInputs:
    """RGB images, resized to a square and normalized."""

    kind: ClassVar[DataKind] = "images"
    size: int
    batch: int = 1
    normalization: Normalization = Normalization()

    @property
    def description(self) -> str:
        """How the images are prepared."""
        usual, given = Normalization(), self.normalization
        is_usual = (given.mean, given.std) == (usual.mean, usual.std)
        whose = given.source or ("ImageNet" if is_usual else "the model's own")
        return f"bilinear resize, {whose} mean and standard deviation"

    @property
    def notes(self) -> dict[str, str]:
        """How to prepare further images, to be kept beside a program."""
        return {PIXELS: msgspec.json.encode(self.normalization).decode()}

    def encode(self, images: Sequence[Image.Image]) -> tuple[Tensor]:
        """Return one float tensor of shape (len(images), 3, size, size)."""
        resized = [image.convert("RGB").resize((self.size, self.size), _BILINEAR) for image in images]
        pixels = np.stack([np.asarray(image, dtype=np.float32) for image in resized]) / 255.0
        mean, std = (
            np.asarray(values, np.float32) for values in (self.normalization.mean, self.normalization.std)
        )
        normal = (pixels - mean) / std
        return (torch.from_numpy(normal.transpose(0, 3, 1, 2).copy()),)


@dataclass(frozen=True)
class TextInputs:
    """Sentences as token ids and an attention mask, both int64 of shape (batch, seq_len)."""

    kind: ClassVar[DataKind] = "text"
    tokenize: Callable[[Sequence[str]], tuple[Tensor, ...]]
    description: str
    batch: int = 1

    def encode(self, sentences: Sequence[str]) -> tuple[Tensor, ...]:
        """Return ids and mask, cut or padded to the sequence length."""
        return self.tokenize(sentences)


@dataclass(frozen=True)
class SpeechInputs(TextInputs):
    """Sentences as sounds: `tokenize` synthesizes them and extracts the features that the model takes."""

    kind: ClassVar[DataKind] = "speech"


@dataclass(frozen=True)
class FixedInputs:
    """Example inputs that came with the model; there are no other data for it.

    A `_target_` may nest them in tuples, lists, dictionaries and dataclasses, add numbers, strings and None,
    and give some of them as keyword arguments, in `keywords`. Once a model is loaded, they are flat tensors.
    `more` are further examples, of the same shapes and dtypes.
    """

    tensors: tuple[Tensor, ...]
    description: str = "the example inputs of the model's own _target_"
    more: tuple[tuple[Tensor, ...], ...] = ()
    kind: DataKind = "example"
    keywords: Mapping[str, Any] = field(default_factory=dict)

    @property
    def batch(self) -> int | None:
        """Size of the first axis; see `common_batch`."""
        return common_batch(self.tensors)


@dataclass(frozen=True)
class PromptInputs:
    """Prompts of random tokens for a language model, each at position 0 of an empty text.

    A real text would mean no more to random weights, and would take the same time with any weights.
    """

    vocabulary: int
    tokens: int
    kind: ClassVar[DataKind] = "prompts"
    batch: ClassVar[int] = 1
    description: ClassVar[str] = "prompts of random tokens, seeded"

    def draw(self, count: int, seed: int) -> list[tuple[Tensor, Tensor]]:
        """Return `count` prompts: int64 tokens of (1, tokens), and the position int64 of (1,)."""
        generator = torch.Generator().manual_seed(seed)
        drawn = torch.randint(self.vocabulary, (count, 1, self.tokens), generator=generator)
        return [(prompt, torch.zeros(1, dtype=torch.int64)) for prompt in drawn]


Inputs = ImageInputs | TextInputs | PromptInputs | FixedInputs


def common_batch(tensors: Sequence[Tensor]) -> int | None:
    """Return the size of the first axis, or None if it is not the same for all tensors that have axes.

    A model has one batch. If the inputs differ, some have another axis in front, as the layers of an LSTM's
    state, and which is the batch is not known.
    """
    sizes = {tensor.shape[0] for tensor in tensors if tensor.ndim} or {1}
    return sizes.pop() if len(sizes) == 1 else None


def contiguous(batch: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Return tensors that lie in memory in the order of their indices.

    A program is compiled for the memory layout of its example inputs, and the inputs that are kept beside it,
    which it is run with, are contiguous.
    """
    return tuple(
        tensor if in_index_order(tensor) else tensor.clone(memory_format=torch.contiguous_format)
        for tensor in batch
    )


def in_index_order(tensor: Tensor) -> bool:
    """Return whether a tensor has the strides of a new one of its shape.

    `Tensor.is_contiguous` ignores the strides of axes of length 1, but a program is compiled for them.
    """
    return tensor.stride() == torch.empty(tensor.shape, device="meta").stride()


def shaped_inputs(specs: Sequence[InputSpec]) -> Inputs:
    """Return photographs if the only input is a square RGB image, else tensors described as made up.

    Floats are drawn from a normal distribution with a fixed seed. Integers are ones, which are a valid index
    of any table and mask nothing.
    """
    if is_image(specs):
        batch, _, _, size = specs[0].shape
        return ImageInputs(size, batch)
    generator = torch.Generator().manual_seed(0)
    return FixedInputs(tuple(_made_up(spec, generator) for spec in specs), MADE_UP, kind="made_up")


def _made_up(spec: InputSpec, generator: torch.Generator) -> Tensor:
    dtype = getattr(torch, spec.dtype)
    if dtype.is_floating_point:
        return torch.randn(spec.shape, generator=generator).to(dtype)
    return torch.ones(spec.shape, dtype=dtype)
