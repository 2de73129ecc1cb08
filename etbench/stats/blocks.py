"""Rounds by block: the rounds of one block were timed close together, so they can be compared."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

__all__ = ["common_blocks", "round_medians"]


def round_medians(blocks: Iterable[int], rounds_ms: Iterable[Sequence[float]]) -> dict[int, float]:
    """Return the median of each round in ms, by its block.

    >>> round_medians([0, 2], [[1.0, 2.0, 9.0], [3.0]])
    {0: 2.0, 2: 3.0}
    """
    return {block: median(samples) for block, samples in zip(blocks, rounds_ms, strict=True)}


def common_blocks(
    base_ms: Mapping[int, float], new_ms: Mapping[int, float]
) -> tuple[list[float], list[float]]:
    """Return the round medians of the blocks that both sides have, block by block.

    >>> common_blocks({0: 1.0, 1: 2.0, 2: 3.0}, {2: 6.0, 0: 5.0})
    ([1.0, 3.0], [5.0, 6.0])
    """
    if list(base_ms) == list(new_ms):  # as nearly always, and there may be thousands of pairs
        return list(base_ms.values()), list(new_ms.values())
    both = sorted(base_ms.keys() & new_ms.keys())
    return [base_ms[block] for block in both], [new_ms[block] for block in both]
