"""Simulated comparisons that go on until they are decided, at the looks of `etbench.stats.looks`."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from simulated_rounds import interleaved

from etbench.stats.looks import Look, blocks_to_decide, first_look, looks_from
from etbench.stats.paired import paired_intervals
from etbench.stats.verdict import in_turn_at

__all__ = ["PASSED", "REGRESSION", "UNDECIDED", "Decided", "decided", "settled"]

Array = NDArray[np.float64]
THRESHOLD = 0.05
REGRESSION, PASSED, UNDECIDED = 1, -1, 0
AT_ONCE = 250  # pairs


@dataclass(frozen=True)
class Decided:
    """The answers about many pairs, and the blocks after which they were given."""

    answers: NDArray[np.int8]
    blocks: NDArray[np.int64]

    def share(self, answer: int) -> float:
        """Return how often an answer was given."""
        return float(np.mean(self.answers == answer))


def decided(
    random: np.random.Generator,
    ratio: float,
    pairs: int,
    *,
    planned: int = 30,
    most: float = math.inf,
    family: int = 1,
) -> Decided:
    """Measure pairs of a true ratio until they are decided.

    Args:
        random: the source of randomness.
        ratio: new over baseline.
        pairs: how many.
        planned: the blocks that are measured in any case.
        most: the blocks for which there is time.
        family: how many cells are compared at once.

    """
    looks = looks_from(first_look(planned, family=family, most=most), most)
    answers, blocks = np.zeros(pairs, np.int8), np.full(pairs, looks[-1].blocks)
    for start in range(0, pairs, AT_ONCE):
        rows = np.arange(start, min(start + AT_ONCE, pairs))
        measured = interleaved(random, len(rows), looks[-1].blocks)
        measured[:, 1] *= ratio
        for look in looks:
            answers[rows] = _answers(measured[..., : look.blocks], look, family)
            blocks[rows] = look.blocks
            still_open = answers[rows] == UNDECIDED
            rows, measured = rows[still_open], measured[still_open]
    return Decided(answers, blocks)


def settled(random: np.random.Generator, pairs: int, *, first: int, family: int = 1) -> NDArray[np.bool_]:
    """Return which pairs that were open after the first blocks are decided by as many as are then advised.

    Their true ratios are between x0.8 and x1.3. Those for which more rounds do not help are left out.
    """
    found, only = [], Look(blocks=first, share=1.0)
    for ratio in np.exp(random.uniform(math.log(0.8), math.log(1.3), pairs)):
        before = interleaved(random, 1, first) * [[[1.0], [ratio]]]
        if _answers(before, only, family)[0] != UNDECIDED:
            continue
        advised = blocks_to_decide(in_turn_at(*before[0]), threshold=THRESHOLD, family=family)
        if advised is not None:
            again = interleaved(random, 1, advised) * [[[1.0], [ratio]]]
            found.append(_answers(again, looks_from(advised)[0], family)[0] != UNDECIDED)
    return np.array(found)


def _answers(measured: Array, look: Look, family: int) -> NDArray[np.int8]:
    """Decide as `etbench.stats.verdict` does, for many pairs at once: (pairs, 2, blocks)."""
    base, new, levels = measured[:, 0], measured[:, 1], look.levels
    if not len(base):
        return np.zeros(0, np.int8)
    low = paired_intervals(base, new, confidence=levels.strict(family))[1]
    high = paired_intervals(base, new, confidence=levels.interval)[2]
    answers = np.where(high < 1 + THRESHOLD, PASSED, UNDECIDED)
    return np.where(low > 1 + THRESHOLD, REGRESSION, answers).astype(np.int8)
