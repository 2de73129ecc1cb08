"""Decide during a measurement: when to look at two interleaved programs, and how sure to be.

A comparison that is repeated as blocks arrive has many chances to be wrong. So the numbers of blocks at which
it looks are fixed beforehand, and each look may use only its share of the error that the whole comparison may
make (Bonferroni; Jennison & Turnbull, "Group Sequential Methods", 2000, chapters 7 and 9, where the intervals
are called repeated confidence intervals). The interval of each look is then valid whatever ended the
measurement, and for any threshold.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist

from msgspec import Struct

from etbench.stats.bounds import Count
from etbench.stats.paired import PairedRatio
from etbench.stats.verdict import Levels

__all__ = [
    "Look",
    "blocks_needed",
    "blocks_to_decide",
    "first_look",
    "levels_of",
    "looks_from",
]

LOOKS = (10, 20, 40, 80, 160, 320)  # blocks
APART = 1.5  # the second look needs this many times the blocks of the first, else it shows nothing new
WEIGHTS = (2, 2)  # of the first looks, which decide most comparisons; the later ones have 1, and more blocks
POWER = 0.8


class Look(Struct, frozen=True, kw_only=True):
    """A look at a comparison after this many blocks, with its share of the error of the whole comparison."""

    blocks: Count
    share: float

    @property
    def levels(self) -> Levels:
        """Its probabilities of error."""
        return Levels(regression=Levels().regression * self.share, passed=Levels().passed * self.share)


def looks_from(first: int, most: float = LOOKS[-1]) -> list[Look]:
    """Return the looks of a comparison: after the first number of blocks, and then until `most`.

    Their shares of the error add up to one. If there is no time for all of `LOOKS`, the last look takes place
    after `most` blocks, and the first even if it is above `most`.

    >>> [look.blocks for look in looks_from(30)]
    [30, 80, 160, 320]
    >>> looks_from(9, most=15)
    [Look(blocks=9, share=0.5), Look(blocks=15, share=0.5)]

    """
    blocks = [first, *(later for later in LOOKS if APART * first <= later <= most)]
    if APART * blocks[-1] <= most < LOOKS[-1]:
        blocks.append(int(most))
    weights = [*WEIGHTS, *[1] * len(blocks)][: len(blocks)]
    return [
        Look(blocks=count, share=weight / sum(weights)) for count, weight in zip(blocks, weights, strict=True)
    ]


def levels_of(looks: Sequence[Look]) -> Levels:
    """Return the probabilities of error of the last look, which decides; without any, there was only one."""
    return looks[-1].levels if looks else Levels()


def blocks_needed(level: float, *, outliers: int = 0) -> int:
    """Return the fewest blocks that can exclude a ratio at a one-sided level.

    Args:
        level: the probability that is allowed for so many blocks on one side of the true ratio.
        outliers: how many of them may be on the other side.

    >>> [blocks_needed(level) for level in (0.025, 0.01, 0.01 / 28)]
    [6, 7, 12]
    >>> [blocks_needed(level, outliers=1) for level in (0.025, 0.01, 0.01 / 28)]
    [9, 11, 16]

    """
    blocks = outliers + 1
    while sum(math.comb(blocks, few) for few in range(outliers + 1)) > level * 2**blocks:
        blocks += 1
    return blocks


def first_look(planned: int, *, family: int = 1, most: float = LOOKS[-1]) -> int:
    """Return the fewest blocks from the planned number on at which a regression can be seen.

    Args:
        planned: the blocks that are measured in any case.
        family: how many cells are compared at once.
        most: the number of blocks for which there is time.

    >>> first_look(5), first_look(30), first_look(5, family=28), first_look(5, family=28, most=15)
    (9, 30, 14, 12)

    """
    blocks = planned
    while blocks < blocks_needed(looks_from(blocks, most)[0].levels.regression / family):
        blocks += 1
    return blocks


def blocks_to_decide(
    at: Callable[[float], PairedRatio], *, threshold: float, family: int = 1, most: int = 1_000
) -> int | None:
    """Return how many blocks a new measurement needs to be decided with a probability of 80 %.

    The true ratio is taken to be near the measured one, as far away as the error of that allows: to take the
    measured ratio for the true one would promise too much (Spiegelhalter, Freedman & Blackburn, "Monitoring
    clinical trials: conditional or predictive power?", Controlled Clinical Trials 7, 1986).

    Args:
        at: returns the measured ratio with its interval at a confidence.
        threshold: 0.05 allows the new program to be 5 % slower.
        family: how many cells are compared at once.
        most: the most blocks that can be asked for.

    Returns:
        None if there is no interval, or if more than `most` blocks would be needed.

    """
    ratio, normal = at(0.95), NormalDist()
    if ratio.half_width is None:
        return None
    error = ratio.half_width / normal.inv_cdf(0.975)
    above = math.log(ratio.ratio) - math.log1p(threshold)

    def predicted(blocks: int) -> float:
        shrinking = math.sqrt(ratio.blocks / blocks)
        spread = max(error * math.hypot(1, shrinking), 1e-12)
        below, beyond = _ends(at, looks_from(blocks)[0].levels, family)
        regression = normal.cdf((above - below * shrinking) / spread)
        return regression + normal.cdf((-above - beyond * shrinking) / spread)

    low, high = first_look(1, family=family) - 1, most
    if predicted(most) < POWER:
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if predicted(middle) >= POWER else (middle, high)
    return high


def _ends(at: Callable[[float], PairedRatio], levels: Levels, family: int) -> tuple[float, float]:
    """Return how far the ends that decide are from the ratio, on the log scale, below and above it.

    With outliers, the end of a strict interval is farther away than the error of the ratio suggests. If there
    are too few blocks for such an interval, the widest that there is is scaled.
    """
    ends = []
    for confidence in (levels.strict(family), levels.interval):
        ratio, scale = at(confidence), 1.0
        if ratio.half_width is None:
            widest = 1 - 2 * 2.0**-ratio.blocks
            ratio, scale = at(widest), _quantile(confidence) / _quantile(widest)
        ends.append((scale * math.log(ratio.ratio / ratio.low), scale * math.log(ratio.high / ratio.ratio)))
    return ends[0][0], ends[1][1]


def _quantile(confidence: float) -> float:
    return NormalDist().inv_cdf((1 + confidence) / 2)
