"""Compare two sets of results, cell by cell: what became faster or slower, and what is inconclusive."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from etbench.config.command import quoted, shell_words
from etbench.errors import EtbenchError
from etbench.results.checks import OTHER_BASELINE
from etbench.results.comparison.cells import compared_cell, compared_in_turn, location_ms
from etbench.results.comparison.gate import Condition, FindingCondition, Violation, check_conditions
from etbench.results.comparison.interleaved import interleaved, measured_with
from etbench.results.comparison.outcome import Outcome, outcome_of
from etbench.results.comparison.pairing import cell_name, cell_settings, is_summary, pair_results
from etbench.results.schema import CellComparison, Result
from etbench.stats.paired import PairedRatio
from etbench.stats.separate import SeparateRatio
from etbench.stats.verdict import FamilyMember, Judgement, Levels, RatioAt, judge_family, separate_at

__all__ = ["Comparison", "compare_results"]

LIBRARIES = ("torch", "torchao", "executorch")


class Comparison(Struct, frozen=True, kw_only=True):
    """All cells that both sides have, and those that only one has.

    `failing` names the cells of `new` that failed, with the error; `not_measured` those that the baseline
    measured and `new` skipped or only built, with the reason; `wrong` those of `new` that it measured but
    whose program is wrong, with the findings; `violations` are the cells that violate a condition.
    """

    threshold: float
    cells: list[CellComparison]
    only_base: list[str]
    only_new: list[str]
    failing: list[str] = []
    not_measured: list[str] = []
    wrong: list[str] = []
    violations: list[Violation] = []

    def outcome(self, allow: Collection[str] = ()) -> Outcome:
        """Return what applies and the exit status; `allow` are reasons that do not count, see `REASONS`."""
        decisions = {cell.decision for cell in self.cells}
        found = {
            "failed": self.failing,
            "wrong": self.wrong,
            "missing": self.only_base or self.not_measured,
            "regression": "regression" in decisions,
            "condition met": self.violations,
            "undecided": not self.cells or "undecided" in decisions,
        }
        return outcome_of([reason for reason, applies in found.items() if applies], allow)


def compare_results(
    base: Iterable[Result],
    new: Iterable[Result],
    *,
    threshold: float,
    across_hosts: bool = False,
    conditions: Sequence[Condition | FindingCondition] = (),
    base_path: str = "<base>",
) -> Comparison:
    """Compare the measured cells of two sets, paired by model, precision, delegate, inputs and weights.

    Only the latest result of each cell is used. Cells that were measured interleaved, in one sweep or with
    ``compare_to``, are judged by those rounds. All cells are judged as one family, see
    `etbench.stats.verdict.judge_family`. An imported summary has no rounds, so it has a ratio but no verdict.

    Args:
        base: the results to compare with.
        new: the results that are judged.
        threshold: 0.05 allows a cell to be 5 % slower.
        across_hosts: also compare results that were measured under different conditions.
        conditions: further changes that fail the comparison.
        base_path: path of the baseline, for the command that interleaves the two if a verdict is open.

    Raises:
        EtbenchError: if a pair was measured with different hosts, threads or libraries, which it names, or if
            the baseline of a cell is wrong.

    """
    base, new = list(base), list(new)
    paired = pair_results(base, new)
    _refuse_wrong(base, paired.only_new)
    if not across_hosts:
        _refuse_other_conditions([pair for pair in paired.pairs if not _has_stored_rounds(*pair)])
    judged = _judge(paired.pairs, threshold=threshold, base_path=base_path)
    bases = [*(old for old, _ in (*paired.pairs, *paired.failing)), *paired.only_base]
    settings = cell_settings(bases) | cell_settings([*(now for _, now in paired.pairs), *paired.only_new])

    def name(result: Result) -> str:
        return cell_name(result, settings[id(result)])

    faults = [(name(old), now) for old, now in paired.failing]
    faults += [(cell_name(now), now) for now in paired.faulty]
    wrong = [pair for pair in paired.failing if pair[1].status == "wrong"]
    return Comparison(
        threshold=threshold,
        cells=[
            msgspec.structs.replace(cell, setting=settings[id(new)])
            for cell, (_, new) in zip(judged, paired.pairs, strict=True)
        ],
        only_base=[name(result) for result in paired.only_base],
        only_new=[name(result) for result in paired.only_new],
        failing=[f"{cell} ({_why(now)})" for cell, now in faults if now.status == "failed"],
        not_measured=[f"{cell} ({_why(now)})" for cell, now in faults if now.status in ("skipped", "built")],
        wrong=[f"{cell} ({now.errors})" for cell, now in faults if now.status == "wrong"],
        violations=check_conditions(conditions, [*paired.pairs, *wrong]),
    )


def _judge(
    pairs: Sequence[tuple[Result, Result]], *, threshold: float, base_path: str
) -> list[CellComparison]:
    """Judge all pairs as one family."""
    rounds = [None if _is_any_summary(*pair) else interleaved(*pair) for pair in pairs]
    members = {}
    for number, (pair, together) in enumerate(zip(pairs, rounds, strict=True)):
        if together:
            members[number] = together.member(threshold)
        elif at := _separate_at(*pair):
            members[number] = FamilyMember(at, threshold)
    judged = dict(zip(members, judge_family(list(members.values())), strict=True))
    cells = []
    for number, ((base, new), together) in enumerate(zip(pairs, rounds, strict=True)):
        if _is_any_summary(base, new):
            cells.append(_ratio_alone(base, new))
        elif together:
            medians = together.base_ms, together.new_ms
            cells.append(
                compared_in_turn(new, judged[number], *medians, threshold=threshold, family=len(members))
            )
        else:
            cells.append(
                _compare_separate(base, new, judged.get(number), threshold=threshold, base_path=base_path)
            )
    return cells


def _is_any_summary(*sides: Result) -> bool:
    return any(map(is_summary, sides))


def _has_stored_rounds(base: Result, new: Result) -> bool:
    """Whether the rounds of the baseline were measured with those of the new result, on the same machine."""
    return new.in_turn is not None and not measured_with(new.in_turn, base, new)


def _separate_at(base: Result, new: Result) -> RatioAt | None:
    """Return the ratio of two separate runs by confidence; None if they cannot be judged.

    Unstable rounds do not predict those of the next run.
    """
    if any(side.stability is not None and side.stability.verdict == "unstable" for side in (base, new)):
        return None
    return separate_at(base.rounds, new.rounds)


def _compare_separate(
    base: Result,
    new: Result,
    judged: tuple[PairedRatio | SeparateRatio, Judgement] | None,
    *,
    threshold: float,
    base_path: str,
) -> CellComparison:
    """Return the comparison of two separate runs; without a judgement, it is inconclusive."""
    base_ms = location_ms(base)
    if judged is None:
        at = separate_at(base.rounds, new.rounds)
        alone = SeparateRatio(ratio=location_ms(new) / base_ms, low=0.0, high=math.inf)
        judged = at(Levels().interval) if at else alone, Judgement(verdict="inconclusive")
    cell = compared_cell(new, *judged, base_ms=base_ms, how="separate runs", threshold=threshold)
    other = measured_with(new.in_turn, base, new) if new.in_turn else ""
    if other and new.in_turn:
        other = f"{other}: {new.in_turn.comparison.words}"
    advice = _in_turn_advice(base, new, base_path) if cell.decision == "undecided" else ""
    return msgspec.structs.replace(cell, advice=advice, measured_with=other)


def _ratio_alone(base: Result, new: Result) -> CellComparison:
    before, after = location_ms(base), location_ms(new)
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
        advice="an imported summary has no rounds, so there is no verdict",
    )


def _in_turn_advice(base: Result, new: Result, base_path: str) -> str:
    """Return how to measure the two interleaved; the command only if it is known to compose the cell."""
    if base.artifact is None:
        return "measure the baseline again with etbench, then both in turn with compare_to"
    arguments = new.command  # results of older versions have none, and a name alone may be of another folder
    folder = arguments[arguments.index("--config-dir") + 1] if "--config-dir" in arguments else "."
    if not arguments or not Path(folder).is_dir():
        return f"measure them in turn: repeat the command of NEW with compare_to={quoted(base_path)}"
    return f"measure them in turn: {shell_words([*arguments, f'compare_to={quoted(base_path)}'])}"


def _why(result: Result) -> str:
    return f"{result.status}: {result.failure.message if result.failure else result.reason}"


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


def _refuse_other_conditions(pairs: Sequence[tuple[Result, Result]]) -> None:
    differing: dict[str, None] = {}
    for base, new in pairs:
        if _is_any_summary(base, new):
            continue
        unlike = {what: both for what, both in _conditions(base, new).items() if both[0] != both[1]}
        differing |= dict.fromkeys(f"{what}: {old} and {now}" for what, (old, now) in unlike.items())
        if unlike and new.in_turn:
            other = measured_with(new.in_turn, base, new)
            differing[f"{cell_name(new)} was measured in turn with {other}"] = None
    if differing:
        listed = "\n".join(f"  - {line}" for line in differing)
        raise EtbenchError(
            f"base and new were measured under different conditions:\n{listed}\n"
            "add --across-hosts to compare them anyway",
            stage="compare",
        )


def _conditions(base: Result, new: Result) -> dict[str, tuple[object, object]]:
    sides = base.environment, new.environment
    return {
        "host": (sides[0].host, sides[1].host),
        "cpu": (sides[0].cpu, sides[1].cpu),
        "threads": (sides[0].threads, sides[1].threads),
        "runner": (sides[0].runner, sides[1].runner),
        "python": (sides[0].python, sides[1].python),
        **{name: (sides[0].libraries.get(name), sides[1].libraries.get(name)) for name in LIBRARIES},
    }
