"""One compared cell: its ratio and judgement in the form that files, tables and pages read."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

import msgspec

from etbench.results.comparison.advice import rounds_advice
from etbench.results.schema import CellComparison, Result, without_emulated_verdict
from etbench.stats.paired import PairedRatio
from etbench.stats.separate import SeparateRatio
from etbench.stats.verdict import Judgement, Levels, in_turn_at, judge_in_turn

__all__ = ["compare_in_turn", "compared_cell", "compared_in_turn", "location_ms"]


def compare_in_turn(
    new: Result,
    base_medians: Sequence[float],
    new_medians: Sequence[float],
    *,
    threshold: float,
    family: int = 1,
    levels: Levels = Levels(),  # noqa: B008  frozen
) -> CellComparison:
    """Compare a cell with the baseline that was interleaved with it.

    Args:
        new: the result that is judged.
        base_medians: median of the baseline's round in each block, in ms.
        new_medians: the same of the new one, in the same blocks.
        threshold: 0.05 allows the cell to be 5 % slower.
        family: how many cells are compared at once.
        levels: the probabilities of error.

    """
    judged = judge_in_turn(base_medians, new_medians, threshold=threshold, family=family, levels=levels)
    return compared_in_turn(new, judged, base_medians, new_medians, threshold=threshold, family=family)


def compared_in_turn(
    new: Result,
    judged: tuple[PairedRatio | SeparateRatio, Judgement],
    base_medians: Sequence[float],
    new_medians: Sequence[float],
    *,
    threshold: float,
    family: int,
) -> CellComparison:
    """Return the comparison of a cell with its interleaved baseline, judged before; see `compare_in_turn`."""
    cell = compared_cell(new, *judged, base_ms=median(base_medians), how="in turn", threshold=threshold)
    if new.environment.emulator:
        return without_emulated_verdict(new, cell)
    if cell.decision != "undecided":
        return cell
    at = in_turn_at(base_medians, new_medians)
    return msgspec.structs.replace(cell, advice=rounds_advice(new, at, threshold=threshold, family=family))


def compared_cell(
    new: Result,
    ratio: PairedRatio | SeparateRatio,
    judgement: Judgement,
    *,
    base_ms: float,
    how: str,
    threshold: float,
) -> CellComparison:
    """Return the comparison of a cell from its ratio and judgement."""
    bounded = ratio.low > 0
    return CellComparison(
        model=new.model_name,
        precision=new.precision_short,
        delegate=new.delegate,
        base_ms=base_ms,
        new_ms=location_ms(new),
        how=how,
        ratio=ratio.ratio,
        low=ratio.low if bounded else None,
        high=ratio.high if bounded else None,
        verdict=judgement.verdict,
        regression=judgement.decision == "regression",
        decision=judgement.decision,
        threshold=threshold,
        alarm_low=judgement.alarm_low if judgement.alarm_low > 0 else None,
    )


def location_ms(result: Result) -> float:
    """Return the median of the round medians in ms."""
    return median(median(samples) for samples in result.rounds)
