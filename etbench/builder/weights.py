"""The identity of a model's weights, which its programs for all runtimes share."""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor, nn

__all__ = ["weights_digest"]


def weights_digest(module: nn.Module) -> str:
    """Return the SHA-256 checksum of the names, dtypes, shapes and values of parameters and buffers."""
    content = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, Tensor):
            content.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            content.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return content.hexdigest()
