"""Compare two sets of results, cell by cell: what became faster or slower, and what is inconclusive."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from statistics import median

import msgspec
from msgspec import Struct

from etbench.config.command import quoted, shell_words
from etbench.errors import EtbenchError
from etbench.results.checks import OTHER_BASELINE
from etbench.results.comparison.conditions import differences, refuse_other_conditions
from etbench.results.comparison.gate import Condition, FindingCondition, Violation, check_conditions
from etbench.results.comparison.pairing import Pairing, cell_name, cell_settings, is_summary, pair_results
from etbench.results.comparison.separate_runs import SeparateRuns, by_name, runs_like
from etbench.results.schema import CellComparison, Result
from etbench.stats.blocks import common_blocks
from etbench.stats.paired import PairedRatio
from etbench.stats.separate import SeparateRatio
from etbench.stats.verdict import Judgement, alarm_confidence, judge_at, judge_in_turn

__all__ = ["Comparison", "compare_in_turn", "compare_results"]


class Comparison(Struct, frozen=True, kw_only=True):
    """All cells that both sides have, and those that only one has.

    `failing` names the cells that the baseline measured and `new` could not, with the reason; `wrong` those
    of `new` that it measured but whose program is wrong, with the findings; `violations` are the cells that
    violate a condition.
    """

    threshold: float
    cells: list[CellComparison]
    only_base: list[str]
    only_new: list[str]
    failing: list[str] = []
    wrong: list[str] = []
    violations: list[Violation] = []

    @property
    def regressed(self) -> bool:
        """Whether any cell is slower by more than the threshold, or violates a condition."""
        return bool(self.violations) or any(cell.regression for cell in self.cells)

    @property
    def incomplete(self) -> bool:
        """Whether `new` lacks a cell that the baseline measured."""
        return bool(self.only_base or self.failing)


def compare_results(
    base: Iterable[Result],
    new: Iterable[Result],
    *,
    threshold: float,
    across: Collection[str] = (),
    drift: float | None = None,
    conditions: Sequence[Condition | FindingCondition] = (),
    base_path: str = "<base>",
) -> Comparison:
    """Compare the measured cells of two sets, paired by model, precision, delegate, inputs and weights.

    The latest result of each cell is compared. If the two were not interleaved, all runs of the same program
    in the same conditions are used, since they show how far apart runs are (`etbench.stats.separate`). The
    verdicts ``faster`` and ``slower`` hold for the whole family: the probability that any of them is false is
    limited to 2 % (Bonferroni). An imported summary has no rounds, so it has a ratio but no verdict.

    Args:
        base: the results to compare with.
        new: the results that are judged.
        threshold: 0.05 allows a cell to be 5 % slower.
        across: kinds of conditions that may differ between separate runs, of `conditions.ACROSS`; between
            interleaved ones all may differ. The cell is then named after what differs.
        drift: standard deviation of the log of a run's location between runs, in place of the runs' own.
        conditions: further changes that fail the comparison.
        base_path: path of the baseline, for the command that interleaves the two if a verdict is open.

    Raises:
        EtbenchError: if separate runs were measured under different conditions, which it names, or if the
            baseline of a cell is wrong.

    """
    base, new = list(base), list(new)
    paired = pair_results(base, new)
    _refuse_wrong(base, paired.only_new)
    wrong = [pair for pair in paired.failing if pair[1].status == "wrong"]
    failing = [pair for pair in paired.failing if pair[1].status != "wrong"]
    judged = [pair for pair in paired.pairs if not any(map(is_summary, pair))]
    refuse_other_conditions([pair for pair in judged if not _interleaved(*pair)], across)
    bases = [*(old for old, _ in (*paired.pairs, *paired.failing)), *paired.only_base]
    settings = cell_settings(bases) | cell_settings([*(now for _, now in paired.pairs), *paired.only_new])

    named = by_name(base), by_name(new)

    def name(result: Result) -> str:
        return cell_name(result, settings[id(result)])

    def runs(old: Result, now: Result) -> SeparateRuns:
        of_base, of_new = (side[cell_name(one)] for side, one in zip(named, (old, now), strict=True))
        return SeparateRuns(base=runs_like(old, of_base), new=runs_like(now, of_new))

    return Comparison(
        threshold=threshold,
        cells=[
            msgspec.structs.replace(
                _compare_cell(
                    runs(old, now),
                    threshold=threshold,
                    family=len(judged),
                    drift=drift,
                    base_path=base_path,
                ),
                setting=_setting(old, now, settings[id(now)]),
            )
            for old, now in paired.pairs
        ],
        only_base=[name(result) for result in paired.only_base],
        only_new=[name(result) for result in paired.only_new],
        failing=[f"{name(old)} ({_why(now)})" for old, now in failing],
        wrong=[
            *(f"{name(old)} ({now.errors})" for old, now in wrong),
            *(f"{cell_name(now)} ({now.errors})" for now in _wrong_alone(new, paired)),
        ],
        violations=check_conditions(conditions, [*paired.pairs, *wrong]),
    )


def compare_in_turn(
    new: Result,
    base_medians: Sequence[float],
    new_medians: Sequence[float],
    *,
    threshold: float,
    family: int = 1,
) -> CellComparison:
    """Compare a cell with the baseline that was interleaved with it.

    Args:
        new: the result that is judged.
        base_medians: median of the baseline's round in each block, in ms.
        new_medians: the same of the new one, in the same blocks.
        threshold: 0.05 allows the cell to be 5 % slower.
        family: how many cells are compared at once.

    """
    ratio, judgement = judge_in_turn(base_medians, new_medians, threshold=threshold, family=family)
    return _put_in_words(
        new, ratio, judgement, base_ms=median(base_medians), how="in turn", threshold=threshold
    )


def _interleaved(base: Result, new: Result) -> bool:
    return base.turn_id is not None and base.turn_id == new.turn_id and base.own_blocks == new.own_blocks


def _setting(base: Result, new: Result, setting: str) -> str:
    """Add the conditions in which the two sides differ to what distinguishes the cell."""
    if is_summary(base) or is_summary(new):
        return setting
    return ", ".join(filter(None, [setting, *(one.words for one in differences(base, new))]))


def _compare_cell(
    runs: SeparateRuns, *, threshold: float, family: int, drift: float | None, base_path: str
) -> CellComparison:
    base, new = runs.base[-1], runs.new[-1]
    if is_summary(base) or is_summary(new):
        return _ratio_alone(base, new)
    if _interleaved(base, new):
        blocks = common_blocks(base.round_medians_ms, new.round_medians_ms)
        return compare_in_turn(new, *blocks, threshold=threshold, family=family)
    return _compare_separate(runs, threshold=threshold, family=family, drift=drift, base_path=base_path)


def _compare_separate(
    runs: SeparateRuns, *, threshold: float, family: int, drift: float | None, base_path: str
) -> CellComparison:
    base, new = runs.base[-1], runs.new[-1]
    if at := runs.at(drift):
        judged = judge_at(at, threshold=threshold, family=family)
    else:
        judged = SeparateRatio.unbounded(_location(base), _location(new)), Judgement(verdict="inconclusive")
    ratio = judged[0]
    cell = _put_in_words(new, *judged, base_ms=ratio.base_ms, how="separate runs", threshold=threshold)
    cell = msgspec.structs.replace(
        cell,
        new_ms=ratio.new_ms,
        advice="",
        drift=ratio.drift,
        base_runs=ratio.base_runs,
        new_runs=ratio.new_runs,
    )
    if cell.verdict != "inconclusive":
        return cell
    why = runs.why_open(threshold, alarm_confidence(family), drift)
    return msgspec.structs.replace(
        cell, advice=f"{why}; measure them in turn: {_in_turn_command(new, base_path)}"
    )


def _ratio_alone(base: Result, new: Result) -> CellComparison:
    sides = base.latency_ms, new.latency_ms
    assert sides[0] is not None and sides[1] is not None  # they are paired by it
    before, after, center = sides[0].p50, sides[1].p50, "medians"
    if before is None or after is None:
        before, after, center = sides[0].avg, sides[1].avg, "means"
    return CellComparison(
        model=new.model_name,
        precision=new.precision_short,
        delegate=new.delegate,
        base_ms=before,
        new_ms=after,
        how="summaries",
        ratio=after / before,
        low=None,
        high=None,
        verdict="none",
        regression=False,
        advice=f"a ratio of {center}: an imported summary has no rounds, so there is no verdict",
    )


def _in_turn_command(new: Result, base_path: str) -> str:
    # Older results have only the names of the chosen options.
    chosen = {"model": new.model_name, "precision": new.precision_short, "delegate": new.delegate}
    arguments = new.command or [f"{group}={name}" for group, name in chosen.items()]
    return shell_words([*arguments, f"compare_to={quoted(base_path)}"])


def _why(result: Result) -> str:
    return f"{result.status}: {result.failure.message if result.failure else result.reason}"


def _wrong_alone(news: Sequence[Result], paired: Pairing) -> list[Result]:
    """Return the wrong cells of new that the baseline has not, and that were not measured again."""
    known = {cell_name(new) for _, new in (*paired.pairs, *paired.failing)}
    known |= {cell_name(new) for new in paired.only_new}
    wrong = {cell_name(new): new for new in news if new.status == "wrong"}
    return [new for name, new in wrong.items() if name not in known]


def _refuse_wrong(bases: Sequence[Result], unpaired: Sequence[Result]) -> None:
    """Raise an error for a cell whose only baseline is wrong."""
    wrong = {cell_name(base): base for base in bases if base.status == "wrong"}
    for new in unpaired:
        if base := wrong.get(cell_name(new)):
            raise EtbenchError(
                f"the baseline of {cell_name(new)} is wrong ({base.errors})",
                stage="compare",
                hint=OTHER_BASELINE,
            )


def _put_in_words(
    new: Result,
    ratio: PairedRatio | SeparateRatio,
    judgement: Judgement,
    *,
    base_ms: float,
    how: str,
    threshold: float,
) -> CellComparison:
    bounded = ratio.low > 0
    return CellComparison(
        model=new.model_name,
        precision=new.precision_short,
        delegate=new.delegate,
        base_ms=base_ms,
        new_ms=_location(new),
        how=how,
        ratio=ratio.ratio,
        low=ratio.low if bounded else None,
        high=ratio.high if bounded else None,
        verdict=judgement.verdict,
        regression=judgement.verdict == "slower" and ratio.ratio > 1 + threshold,
        advice=_advice(judgement, len(new.rounds)),
    )


def _advice(judgement: Judgement, rounds: int) -> str:
    if judgement.verdict != "inconclusive":
        return ""
    if judgement.times_more is None:
        return "too few rounds for an interval"
    return f"about {math.ceil(judgement.times_more * rounds)} rounds would settle it"


def _location(result: Result) -> float:
    return median(median(samples) for samples in result.rounds)
