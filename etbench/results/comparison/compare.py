"""Compare two sets of results, cell by cell: what became faster or slower, and what is inconclusive."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import get_args

import msgspec
from msgspec import Struct

from etbench.config.command import quoted, shell_words
from etbench.errors import EtbenchError
from etbench.results.checks import OTHER_BASELINE
from etbench.results.comparison.cells import compared_cell, compared_in_turn, location_ms
from etbench.results.comparison.conditions import differences, refuse_other_conditions
from etbench.results.comparison.gate import Condition, FindingCondition, Violation, check_conditions
from etbench.results.comparison.interleaved import Interleaved, interleaved, measured_with
from etbench.results.comparison.outcome import Outcome, outcome_of
from etbench.results.comparison.pairing import Pairing, cell_name, cell_settings, is_summary, pair_results
from etbench.results.comparison.separate_runs import SeparateRuns, separate_runs
from etbench.results.schema import CellComparison, Result, Status, emulated_words, without_emulated_times
from etbench.stats.paired import PairedRatio
from etbench.stats.separate import SeparateRatio
from etbench.stats.verdict import FamilyMember, Judgement, Levels, judge_family

__all__ = ["CellFault", "Comparison", "Explain", "compare_results"]

# Returns why the new result of a cell is faster or slower than its baseline.
Explain = Callable[[CellComparison, Result, Result], str]


class CellFault(Struct, frozen=True, kw_only=True):
    """A cell that cannot be compared, and why."""

    cell: str
    why: str

    def __str__(self) -> str:
        return f"{self.cell} ({self.why})"


class Comparison(Struct, frozen=True, kw_only=True):
    """All cells that both sides have, and those that only one has.

    `failing` are the cells of `new` that failed, with the error; `not_measured` those that the baseline
    measured and `new` skipped or only built, with the reason; `wrong` those of `new` that it measured but
    whose program is wrong, with the findings; `violations` are the cells that violate a condition. `why` has,
    if it was asked for, what changed most in cells that became faster or slower, by their names.
    """

    threshold: float
    cells: list[CellComparison]
    only_base: list[str]
    only_new: list[str]
    failing: list[CellFault] = []
    not_measured: list[CellFault] = []
    wrong: list[CellFault] = []
    violations: list[Violation] = []
    why: dict[str, str] = {}

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
    across: Collection[str] = (),
    drift: float | None = None,
    conditions: Sequence[Condition | FindingCondition] = (),
    base_path: str = "<baseline>",
    explain: Explain | None = None,
) -> Comparison:
    """Compare the measured cells of two sets, paired by model, precision, delegate, inputs and weights.

    The latest result of each cell is compared. Cells that were measured interleaved, in one sweep or with
    ``compare_to``, are judged by those rounds, others by all runs of the same program in the same conditions,
    which show how far apart runs are (`etbench.stats.separate`). All cells are judged as one family, see
    `etbench.stats.verdict.judge_family`. An imported summary has no rounds, so it has a ratio but no verdict.

    Args:
        base: the baseline's results.
        new: the results that are judged.
        threshold: 0.05 allows a cell to be 5 % slower.
        across: kinds of conditions that may differ between separate runs, of `conditions.ACROSS`; between
            interleaved ones all may differ. The cell is then named after what differs.
        drift: standard deviation of the log of a run's location between runs, in place of the runs' own.
        conditions: further changes that fail the comparison.
        base_path: path of the baseline, for the command that interleaves the two if a verdict is open.
        explain: called with each cell that became faster or slower, its baseline and its new result.

    Raises:
        EtbenchError: if separate runs were measured under different conditions, which it names, or if the
            baseline of a cell is wrong.

    """
    base, new = ([_timed(result) for result in side] for side in (base, new))
    paired = pair_results(base, new)
    _refuse_wrong(base, paired.only_new)
    rounds = [None if _is_any_summary(*pair) else interleaved(*pair) for pair in paired.pairs]
    apart = [pair for pair, together in zip(paired.pairs, rounds, strict=True) if not together]
    refuse_other_conditions([pair for pair in apart if not _is_any_summary(*pair)], across)
    runs = separate_runs(paired.pairs, base, new)
    judged = _judge(runs, rounds, threshold=threshold, drift=drift, base_path=base_path)
    settings = _settings(paired)
    cells = [
        msgspec.structs.replace(
            cell,
            setting=_setting(old, now, settings[id(now)], together),
            same_program=_same_program(old, now),
        )
        for cell, (old, now), together in zip(judged, paired.pairs, rounds, strict=True)
    ]
    faults = _faults(paired, settings)
    wrong = [pair for pair in paired.failing if pair[1].status == "wrong"]
    return Comparison(
        threshold=threshold,
        cells=cells,
        only_base=[cell_name(result, settings[id(result)]) for result in paired.only_base],
        only_new=[cell_name(result, settings[id(result)]) for result in paired.only_new],
        failing=faults["failed"],
        not_measured=[*faults["skipped"], *faults["built"]],
        wrong=faults["wrong"],
        violations=check_conditions(conditions, [*paired.pairs, *wrong]),
        why={
            cell.name: explain(cell, *pair)
            for cell, pair in zip(cells, paired.pairs, strict=True)
            if explain and cell.verdict in ("faster", "slower")
        },
    )


def _settings(paired: Pairing) -> dict[int, str]:
    """Return, by `id`, what distinguishes each result from others of its side."""
    bases = [*(old for old, _ in (*paired.pairs, *paired.failing)), *paired.only_base]
    news = [*(now for _, now in paired.pairs), *paired.only_new]
    return cell_settings(bases) | cell_settings(news)


def _faults(paired: Pairing, settings: Mapping[int, str]) -> dict[str, list[CellFault]]:
    """Return the cells of the new side that cannot be compared, by their status."""
    found: dict[str, list[CellFault]] = {status: [] for status in get_args(Status)}
    named = [(cell_name(old, settings[id(old)]), now) for old, now in paired.failing]
    for cell, now in (*named, *((cell_name(now), now) for now in paired.faulty)):
        why = now.errors if now.status == "wrong" else f"{now.status}: {now.why_not}"
        found[now.status].append(CellFault(cell=cell, why=why))
    return found


def _judge(
    pairs: Sequence[SeparateRuns],
    rounds: Sequence[Interleaved | None],
    *,
    threshold: float,
    drift: float | None,
    base_path: str,
) -> list[CellComparison]:
    """Judge all pairs as one family, those with interleaved rounds by these."""
    members = {}
    for number, (runs, together) in enumerate(zip(pairs, rounds, strict=True)):
        if together:
            members[number] = together.member(threshold)
        elif not _is_any_summary(*runs.newest) and (at := runs.at(drift)):
            members[number] = FamilyMember(at, threshold)
    judged = dict(zip(members, judge_family(list(members.values())), strict=True))
    strict = Levels().strict(max(1, len(members)))
    cells = []
    for number, (runs, together) in enumerate(zip(pairs, rounds, strict=True)):
        base, new = runs.newest
        if _is_any_summary(base, new):
            cells.append(_ratio_alone(base, new))
        elif together:
            medians = together.base_ms, together.new_ms
            cells.append(
                compared_in_turn(new, judged[number], *medians, threshold=threshold, family=len(members))
            )
        else:
            cell = _compare_separate(runs, judged.get(number), threshold)
            if cell.decision == "undecided":
                why = runs.why_open(threshold, strict, drift)
                cell = msgspec.structs.replace(cell, advice=f"{why}; {_in_turn_advice(base, new, base_path)}")
            cells.append(cell)
    return cells


def _timed(result: Result) -> Result:
    """Return a result as one that was only built if its times are those of an emulator."""
    words = emulated_words(result)
    if words is None or result.status != "ok":
        return without_emulated_times(result)
    return msgspec.structs.replace(without_emulated_times(result), status="built", reason=words)


def _same_program(base: Result, new: Result) -> bool:
    """Return whether both have one program and one runtime: two versions may build the same bytes."""
    programs = [side.artifact.sha256 if side.artifact else None for side in (base, new)]
    runtimes = [side.environment.version_that_ran for side in (base, new)]
    return None not in programs and programs[0] == programs[1] and runtimes[0] == runtimes[1]


def _is_any_summary(*sides: Result) -> bool:
    return any(map(is_summary, sides))


def _setting(base: Result, new: Result, setting: str, together: Interleaved | None) -> str:
    """Add the conditions in which the two sides were measured differently to what distinguishes the cell.

    Rounds of a baseline that are stored in the new result were measured on its machine, with its versions.
    """
    if _is_any_summary(base, new):
        return setting
    stored = together and base.turn_id != new.turn_id
    found = [one for one in differences(base, new) if not stored or one.kind == "settings"]
    return ", ".join(filter(None, [setting, *(one.words for one in found)]))


def _compare_separate(
    runs: SeparateRuns, judged: tuple[PairedRatio | SeparateRatio, Judgement] | None, threshold: float
) -> CellComparison:
    """Return the comparison of separate runs; without a judgement, it is inconclusive."""
    base, new = runs.newest
    if judged is None:
        alone = SeparateRatio.unbounded(location_ms(base), location_ms(new))
        judged = alone, Judgement(verdict="inconclusive")
    ratio = judged[0]
    assert isinstance(ratio, SeparateRatio)
    cell = compared_cell(new, *judged, base_ms=ratio.base_ms, how="separate runs", threshold=threshold)
    other = measured_with(new.in_turn, base, new) if new.in_turn else ""
    if other and new.in_turn:
        other = f"{other}: {new.in_turn.comparison.words}"
    return msgspec.structs.replace(
        cell,
        new_ms=ratio.new_ms,
        base_runs=ratio.base_runs,
        new_runs=ratio.new_runs,
        drift=ratio.drift,
        measured_with=other,
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


def _in_turn_advice(base: Result, new: Result, base_path: str) -> str:
    """Return how to measure the two interleaved; the command only if it is known to compose the cell."""
    if base.artifact is None:
        return "measure the baseline again with etbench, then both interleaved, with compare_to"
    arguments = new.command  # results of older versions have none, and a name alone may be of another folder
    folder = arguments[arguments.index("--config-dir") + 1] if "--config-dir" in arguments else "."
    if not arguments or not Path(folder).is_dir():
        return f"measure them interleaved: repeat the command of NEW with compare_to={quoted(base_path)}"
    return f"measure them interleaved: {shell_words([*arguments, f'compare_to={quoted(base_path)}'])}"


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
