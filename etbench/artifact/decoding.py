"""Greedy decoding, call by call, with the eager model for the reference and with a program for the check."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ["decode", "greedy"]

Call = Callable[[tuple[Tensor, ...]], Any]


def decode(call: Call, prompt: tuple[Tensor, ...], count: int, forced: Sequence[int] | None = None) -> Tensor:
    """Return the logits from which each new token is chosen, as fp32 of (count, vocabulary).

    Args:
        call: runs the model on tokens of (1, n) and the position of the first, and returns logits of
            (1, vocabulary) after the last.
        prompt: arguments of the first call.
        count: number of tokens to generate.
        forced: the tokens to continue with instead of those that the model chooses, or None.

    """
    tokens, position = prompt
    steps: list[Tensor] = []
    while len(steps) < count:
        logits = call((tokens, position))
        steps.append(logits.float().clone())
        position = position + tokens.shape[1]
        tokens = torch.tensor([[greedy(logits) if forced is None else forced[len(steps) - 1]]])
    return torch.cat(steps)


def greedy(logits: Tensor) -> int:
    """Return the most likely token. NumPy finds it, since PyTorch would start threads."""
    return int(logits.float().numpy().argmax())
