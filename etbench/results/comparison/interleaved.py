"""Cells that were measured interleaved with what they are compared with, and their verdicts as one family."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import msgspec

from etbench.results.comparison.cells import compared_in_turn
from etbench.results.comparison.pairing import cell_settings
from etbench.results.schema import CellComparison, InTurn, Result
from etbench.stats.blocks import common_blocks, round_medians
from etbench.stats.verdict import FamilyMember, Levels, in_turn_at, judge_family

__all__ = ["Interleaved", "family_verdicts", "interleaved", "measured_with"]

SAME_PROGRAM = "the same program"


class Interleaved(NamedTuple):
    """The round medians of two programs in the same blocks, in ms, and the levels they are judged with."""

    base_ms: list[float]
    new_ms: list[float]
    levels: Levels = Levels()

    def member(self, threshold: float) -> FamilyMember:
        """Return it as a member of a family."""
        return FamilyMember(in_turn_at(self.base_ms, self.new_ms), threshold, self.levels)


def interleaved(base: Result, new: Result) -> Interleaved | None:
    """Return the rounds of two results that were measured interleaved, or None.

    They are cells of one sweep, or `new` was measured with ``compare_to`` and holds the rounds of `base`.
    """
    if base.turn_id is not None and base.turn_id == new.turn_id and base.own_blocks == new.own_blocks:
        rounds = Interleaved(*common_blocks(base.round_medians_ms, new.round_medians_ms))
    elif new.in_turn is not None and not measured_with(new.in_turn, base, new):
        rounds = stored_rounds(new, new.in_turn)
    else:
        return None
    return rounds if rounds.base_ms else None


def stored_rounds(new: Result, in_turn: InTurn) -> Interleaved:
    """Return the rounds of a cell and of the baseline that was interleaved with it; none without blocks."""
    if len(in_turn.base_facts) != len(in_turn.base_rounds):
        return Interleaved([], [])
    base_ms = round_medians((facts.block for facts in in_turn.base_facts), in_turn.base_rounds)
    return Interleaved(*common_blocks(base_ms, new.round_medians_ms), in_turn.levels)


def measured_with(in_turn: InTurn, base: Result, new: Result) -> str:
    """Describe the baseline that a cell was interleaved with; empty if it is `base`.

    It is `base` if cell, program and runtime are the same, whenever they were measured: the rounds are then
    those of the same program under the same conditions.
    """
    sha256, runtime = in_turn.base_sha256, in_turn.base_runtime
    if sha256 is None and in_turn.base_program.startswith(SAME_PROGRAM) and new.artifact:
        sha256 = new.artifact.sha256  # a file of an older version
    if in_turn.base_cell_id is None and runtime is None:
        runtime = new.environment.version_that_ran
    theirs = {
        "cell": (in_turn.base_cell_id or base.cell_id, base.cell_id),
        "program": (sha256, base.artifact.sha256 if base.artifact else None),
        _runtime_name(base): (runtime, base.environment.version_that_ran),
    }
    differing = {name: pair for name, pair in theirs.items() if pair[0] != pair[1]}
    if not differing:
        return ""
    words = ", ".join(
        f"{name} {_short(name, had)} instead of {_short(name, has)}" for name, (had, has) in differing.items()
    )
    when = f" of {in_turn.base_created_at}" if in_turn.base_created_at else ""
    return f"{in_turn.base_file}{when} ({words})"


def family_verdicts(results: Iterable[Result]) -> list[CellComparison]:
    """Return the comparisons of all cells that were interleaved with a baseline, judged as one family.

    A cell that was measured as one of a larger family than the one that is shown keeps its stored verdict.
    """
    compared = [result for result in results if result.in_turn is not None]
    settings = cell_settings(compared)
    cells = {id(result): result.in_turn.comparison for result in compared if result.in_turn is not None}
    again = {
        id(result): (result, stored_rounds(result, result.in_turn), result.in_turn.threshold)
        for result in compared
        if result.in_turn is not None and result.in_turn.family <= len(compared)
    }
    again = {key: one for key, one in again.items() if one[1].base_ms}
    judged = judge_family([rounds.member(threshold) for _, rounds, threshold in again.values()])
    for (key, (result, rounds, threshold)), judgement in zip(again.items(), judged, strict=True):
        cells[key] = compared_in_turn(
            result, judgement, rounds.base_ms, rounds.new_ms, threshold=threshold, family=len(again)
        )
    return [msgspec.structs.replace(cell, setting=settings[key]) for key, cell in cells.items()]


def _runtime_name(result: Result) -> str:
    facts = result.environment
    return "ExecuTorch" if facts.is_executorch else str(facts.runtime)


def _short(name: str, value: str | None) -> str:
    """Return the first digits of a checksum, or the value itself."""
    if value is None:
        return "unknown"
    return value[:8] if name == "program" else value
