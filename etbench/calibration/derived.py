"""Inputs derived from an example, for a model that came with no other data."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["content", "derived_inputs"]


def derived_inputs(example: Sequence[Tensor], count: int, seed: int) -> list[tuple[Tensor, ...]]:
    """Return up to `count` batches of the example's shapes, dtypes and value statistics; all are different.

    - Floats are drawn from a normal distribution with the mean and the standard deviation of the whole
      tensor. Which axis is that of channels is not known, so they have no statistics of their own. They stay
      within the range of the example's values, which may be a limit, as for pixels and probabilities.
    - Integers, booleans, and floats that are all whole numbers or not all finite (indices, masks, one-hot
      codes) are permuted.
    - A tensor of one value, such as a mask of ones or a state of zeros, is left as it is. Only if all
      tensors are, the example is a placeholder, and the floats are drawn from the standard normal
      distribution, around the value if that is beyond ±1.

    The list is empty if nothing can be varied, as for integers that are all the same.
    """
    generator = torch.Generator().manual_seed(seed)
    example = [tensor.detach() for tensor in example]
    constant = all(map(_is_constant, example))
    vary = _replaced if constant else _varied
    seen = {content(example)}
    derived = []
    for _ in range(count):
        batch = tuple(vary(tensor, generator) for tensor in example)
        if content(batch) not in seen:
            seen.add(content(batch))
            derived.append(batch)
    return derived


def content(batch: Sequence[Tensor]) -> tuple[bytes, ...]:
    """Return the bytes of each tensor, which two batches share only if all their values are equal."""
    flat = (tensor.detach().contiguous().flatten() for tensor in batch)
    return tuple(tensor.view(torch.uint8).numpy().tobytes() for tensor in flat)


def _varied(tensor: Tensor, generator: torch.Generator) -> Tensor:
    if _is_constant(tensor):
        return tensor
    if not _is_drawn(tensor):
        order = torch.randperm(tensor.numel(), generator=generator)
        return tensor.flatten()[order].reshape(tensor.shape)
    exact = tensor.double()
    drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    drawn = drawn * exact.std(correction=0) + exact.mean()
    return drawn.clamp(exact.min(), exact.max()).to(tensor.dtype)


def _is_drawn(tensor: Tensor) -> bool:
    """Return whether values between those of the tensor make sense."""
    if not tensor.is_floating_point() or not tensor.isfinite().all():
        return False
    return bool((tensor != tensor.round()).any())


def _replaced(tensor: Tensor, generator: torch.Generator) -> Tensor:
    if not tensor.is_floating_point():
        return tensor
    drawn = torch.randn(tensor.shape, generator=generator, dtype=torch.float64)
    level = tensor.double()
    return torch.where(level.abs() > 1, level + drawn, drawn).to(tensor.dtype)


def _is_constant(tensor: Tensor) -> bool:
    flat = tensor.flatten()
    return bool((flat == flat[0]).all()) if flat.numel() else True
