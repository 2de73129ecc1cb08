"""Turn a ratio with its interval into a verdict."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal

from msgspec import Struct

from etbench.stats.paired import PairedRatio, paired_ratio
from etbench.stats.separate import SeparateRatio

__all__ = ["ALARM_CONFIDENCE", "Judgement", "alarm_confidence", "judge", "judge_at", "judge_in_turn"]

# `faster` and `slower` need more than the 95 % of the interval that is shown: with 95 %, one of twenty
# comparisons of a program with itself would be wrong.
ALARM_CONFIDENCE = 0.98
Word = Literal["faster", "slower", "same", "inconclusive"]


class Judgement(Struct, frozen=True, kw_only=True):
    """The verdict on a ratio of the new program's time over the baseline's.

    `times_more` is how many times as many rounds would make an inconclusive verdict clear, if the machine
    stays as it is; it is null if the verdict is clear or more rounds would not help.
    """

    verdict: Word
    times_more: float | None = None


def judge(
    ratio: float, *, interval: tuple[float, float], strict: tuple[float, float], threshold: float
) -> Judgement:
    """Judge a ratio.

    ``faster`` or ``slower`` if the strict interval excludes 1, whatever the size of the difference;
    ``same`` if the plain interval lies within the threshold; else ``inconclusive``.

    Args:
        ratio: new over baseline.
        interval: the 95 % interval.
        strict: the interval with the confidence that ``faster`` and ``slower`` need.
        threshold: 0.05 means ±5 %, on the log scale.

    """
    low, high = interval
    if strict[0] > 1:
        return Judgement(verdict="slower")
    if strict[1] < 1:
        return Judgement(verdict="faster")
    bound = math.log1p(threshold)
    if low > 0 and -bound <= math.log(low) and math.log(high) <= bound:
        return Judgement(verdict="same")
    return Judgement(verdict="inconclusive", times_more=_times_more(ratio, low, high, bound))


def judge_in_turn(
    base_ms: Sequence[float], new_ms: Sequence[float], *, threshold: float, family: int = 1
) -> tuple[PairedRatio, Judgement]:
    """Return the ratio of two programs measured in turn, with its 95 % interval, and the verdict.

    Args:
        base_ms: median of the baseline's round in each block.
        new_ms: median of the new program's round in the same blocks.
        threshold: 0.05 means ±5 %.
        family: how many cells are compared at once. The chance of any false ``faster`` or ``slower`` among
            them is kept at 2 % by a stricter confidence for each (Bonferroni).

    """
    ratio = paired_ratio(base_ms, new_ms)
    strict = paired_ratio(base_ms, new_ms, confidence=alarm_confidence(family))
    return ratio, judge(
        ratio.ratio, interval=(ratio.low, ratio.high), strict=(strict.low, strict.high), threshold=threshold
    )


def judge_at(
    at: Callable[[float], SeparateRatio], *, threshold: float, family: int = 1
) -> tuple[SeparateRatio, Judgement]:
    """Return the ratio of separate runs (`etbench.stats.separate_at`) and the verdict, as `judge_in_turn`."""
    ratio, strict = at(0.95), at(alarm_confidence(family))
    return ratio, judge(
        ratio.ratio, interval=(ratio.low, ratio.high), strict=(strict.low, strict.high), threshold=threshold
    )


def alarm_confidence(family: int) -> float:
    """Return the confidence that an alarm needs in a family of cells."""
    return 1 - (1 - ALARM_CONFIDENCE) / family


def _times_more(ratio: float, low: float, high: float, bound: float) -> float | None:
    """Return the factor on the rounds; a half width falls with their square root."""
    if low <= 0 or not math.isfinite(high):
        return None
    half, distance = math.log(high / low) / 2, abs(math.log(ratio))
    room = max(bound - distance, distance)  # to lie within the threshold, or to exclude 1
    return max(1.0, (half / room) ** 2) if room > 0 else None
