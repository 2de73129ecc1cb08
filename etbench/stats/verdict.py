"""Turn a ratio with its interval into a verdict, and into a decision about a threshold."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Literal, NamedTuple, TypeVar

from msgspec import Struct

from etbench.stats.paired import PairedRatio, paired_ratio
from etbench.stats.separate import SeparateRatio

__all__ = [
    "Decision",
    "FamilyMember",
    "Judgement",
    "Levels",
    "RatioAt",
    "in_turn_at",
    "judge",
    "judge_family",
    "judge_in_turn",
]

Word = Literal["faster", "slower", "same", "inconclusive"]
Decision = Literal["regression", "passed", "undecided"]
Ratio = PairedRatio | SeparateRatio
RatioAt = Callable[[float], Ratio]  # a measured ratio, with its two-sided interval at a confidence
AnyRatio = TypeVar("AnyRatio", bound=PairedRatio | SeparateRatio)


class Levels(Struct, frozen=True, kw_only=True):
    """The one-sided probabilities of error that a judgement allows.

    `regression` is the probability of any false alarm in a family, so it is divided among its cells; `passed`
    is that of a cell that passes although it is slower by more than the threshold. The defaults are for
    rounds that are judged once; a measurement that is judged several times passes what it spends each time.
    """

    regression: float = 0.01
    passed: float = 0.025

    @property
    def interval(self) -> float:
        """Confidence of the two-sided interval that is shown; its upper end decides whether a cell passes."""
        return 1 - 2 * self.passed

    def strict(self, family: int) -> float:
        """Confidence of the two-sided interval that raises alarms, for one of `family` cells."""
        return 1 - 2 * self.regression / family


class FamilyMember(NamedTuple):
    """A cell of a family: its ratio, the threshold, 0.05 for 5 %, and the probabilities of error."""

    at: RatioAt
    threshold: float
    levels: Levels = Levels()


class Judgement(Struct, frozen=True, kw_only=True):
    """The verdict on a ratio of the new program's time over the baseline's, and the decision.

    `verdict` is how the two programs differ, `decision` whether the new one is slower by more than the
    threshold. `alarm_low` is the lower end of the interval that decides about a regression, 0 if it has none.
    """

    verdict: Word
    decision: Decision = "undecided"
    alarm_low: float = 0.0


def judge(
    *,
    interval: tuple[float, float],
    strict: tuple[float, float],
    threshold: float,
    alarm_low: float | None = None,
) -> Judgement:
    """Judge a ratio by its intervals.

    The verdict is ``faster`` or ``slower`` if the strict interval excludes 1, whatever the size of the
    difference; ``same`` if the plain interval lies within the threshold; else ``inconclusive``. The decision
    is ``regression`` if the lower end of the strict interval is above the threshold, ``passed`` if the upper
    end of the plain interval is below it, else ``undecided``.

    Args:
        interval: the plain interval.
        strict: the interval with the confidence that ``faster`` and ``slower`` need.
        threshold: 0.05 means ±5 %, on the log scale.
        alarm_low: lower end of the interval that a regression needs; that of `strict` if not given.

    """
    low, high = interval
    alarm_low = strict[0] if alarm_low is None else alarm_low
    limit = 1 + threshold
    decision: Decision = "undecided"
    if alarm_low > limit:
        decision = "regression"
    elif high < limit:
        decision = "passed"
    bound = math.log1p(threshold)
    verdict: Word = "inconclusive"
    if strict[0] > 1:
        verdict = "slower"
    elif strict[1] < 1:
        verdict = "faster"
    elif low > 0 and -bound < math.log(low) and high < limit:
        verdict = "same"
    return Judgement(verdict=verdict, decision=decision, alarm_low=alarm_low)


def judge_family(cells: Sequence[FamilyMember]) -> list[tuple[Ratio, Judgement]]:
    """Judge cells that are compared at once, each as `judge`; return their ratios and judgements.

    The probability of any false ``faster`` or ``slower`` among them is at most twice `Levels.regression`, and
    of any false ``regression`` that level itself (Holm, "A simple sequentially rejective multiple test
    procedure", Scandinavian Journal of Statistics 6, 1979): the level is divided among all cells, then among
    those without an alarm, until no alarm is added.
    """
    differing = _holm_counts(cells, lambda strict, _: strict.low > 1 or strict.high < 1)
    regressed = _holm_counts(cells, lambda strict, threshold: strict.low > 1 + threshold)
    return [
        _judged(cell.at, cell.levels, cell.threshold, *counts)
        for cell, *counts in zip(cells, differing, regressed, strict=True)
    ]


def judge_in_turn(
    base_ms: Sequence[float],
    new_ms: Sequence[float],
    *,
    threshold: float,
    levels: Levels = Levels(),  # noqa: B008  frozen
    family: int = 1,
) -> tuple[PairedRatio, Judgement]:
    """Return the ratio of two interleaved programs, with its plain interval, and the judgement.

    Args:
        base_ms: median of the baseline's round in each block.
        new_ms: median of the new program's round in the same blocks.
        threshold: 0.05 means ±5 %.
        levels: the probabilities of error.
        family: among how many cells the level of an alarm is divided.

    """
    return _judged(in_turn_at(base_ms, new_ms), levels, threshold, family, family)


def in_turn_at(base_ms: Sequence[float], new_ms: Sequence[float]) -> Callable[[float], PairedRatio]:
    """Return the ratio of two interleaved programs as a function of the confidence."""
    return lambda confidence: paired_ratio(base_ms, new_ms, confidence=confidence)


def _judged(
    at: Callable[[float], AnyRatio], levels: Levels, threshold: float, family: int, alarm_family: int
) -> tuple[AnyRatio, Judgement]:
    """Judge a ratio whose level is divided by `family` for a verdict, by `alarm_family` for a regression."""
    ratio, strict, alarm = (
        at(confidence) for confidence in (levels.interval, levels.strict(family), levels.strict(alarm_family))
    )
    return ratio, judge(
        interval=(ratio.low, ratio.high),
        strict=(strict.low, strict.high),
        threshold=threshold,
        alarm_low=alarm.low,
    )


def _holm_counts(cells: Sequence[FamilyMember], raises_alarm: Callable[[Ratio, float], bool]) -> list[int]:
    """Return among how many cells the level of each cell is divided."""
    counts, left = [0] * len(cells), set(range(len(cells)))
    alarms = left
    while alarms:
        for number in left:
            counts[number] = len(left)
        alarms = {
            number
            for number in left
            if raises_alarm(cells[number].at(cells[number].levels.strict(len(left))), cells[number].threshold)
        }
        left = left - alarms
    return counts
