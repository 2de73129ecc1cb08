"""Checksums of the items that a program is calibrated on, which show whether others are the same."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from etbench.system.files import sha256

__all__ = ["MOST_ITEMS", "input_digests", "picture_digest"]

MOST_ITEMS = 2_000  # whose checksums are kept in a result
DIGITS = 32


def picture_digest(path: Path) -> str:
    """Return a checksum of a file."""
    return sha256(path)[:DIGITS]


def input_digests(batch: Sequence[Tensor]) -> list[str]:
    """Return a checksum of each input in a batch, or one of the batch if its axis is not known."""
    sizes = {tensor.shape[0] if tensor.ndim else None for tensor in batch}
    count = sizes.pop() if len(sizes) == 1 else None
    if count is None:
        return [_digest(batch)]
    return [_digest([tensor[at] for tensor in batch]) for at in range(count)]


def _digest(tensors: Sequence[Tensor]) -> str:
    content = hashlib.sha256()
    for tensor in tensors:
        content.update(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
        content.update(tensor.detach().contiguous().flatten().view(torch.uint8).numpy().data)
    return content.hexdigest()[:DIGITS]
