"""How to settle an undecided comparison of interleaved rounds: the number of rounds, and the overrides."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from etbench.results.schema import Result
from etbench.stats.looks import blocks_needed, blocks_to_decide
from etbench.stats.paired import PairedRatio
from etbench.stats.verdict import Levels
from etbench.text import percent

__all__ = ["MOST_ROUNDS", "overrides_for", "rounds_advice", "seconds_per_round"]

MOST_ROUNDS = 1_000  # the largest `repeat.rounds`
SPARE = 1.25  # rounds vary


def rounds_advice(
    new: Result, at: Callable[[float], PairedRatio], *, threshold: float, family: int = 1
) -> str:
    """Return how many rounds would settle a comparison that is undecided, and the overrides for them.

    Args:
        new: the result that was judged.
        at: returns its ratio to the baseline with the interval at a confidence.
        threshold: 0.05 allows it to be 5 % slower.
        family: how many cells are compared at once.

    """
    ratio = at(0.95)
    if ratio.half_width is None:
        needed = blocks_needed(Levels().regression / family)
        return f"too few rounds for an interval: it needs at least {needed}: {_overrides(new, ratio, needed)}"
    rounds = blocks_to_decide(at, threshold=threshold, family=family, most=MOST_ROUNDS)
    if rounds is None:
        return f"the difference is too close to {percent(threshold)} to be settled by {MOST_ROUNDS:,} rounds"
    return f"about {rounds} rounds would settle it: {_overrides(new, ratio, rounds)}"


def overrides_for(rounds: int, result: Result, round_s: float | None) -> dict[str, int]:
    """Return the overrides with which a cell has so many rounds: those that differ from the result's own.

    Args:
        rounds: the number of rounds.
        result: of the cell.
        round_s: the duration of a round; None if that is unknown.

    """
    repeat = result.config.get("repeat")
    stored: dict[str, Any] = repeat if isinstance(repeat, dict) else {}
    given = {name: value for name, value in stored.items() if isinstance(value, int | float)}
    wanted = {"rounds": rounds, "max_rounds": rounds}
    if round_s is not None:
        wanted["rounds_s"] = math.ceil(SPARE * rounds * round_s)
        wanted["max_seconds"] = math.ceil(2 * SPARE * rounds * round_s)
    changed = {name: value for name, value in wanted.items() if value > given.get(name, 0)}
    return {f"repeat.{name}": value for name, value in (changed or {"rounds": rounds}).items()}


def seconds_per_round(result: Result) -> float | None:
    """Return the mean duration of a round in seconds; None for a result of unknown duration."""
    seconds = result.stage_s.get("time")
    return None if seconds is None or not result.rounds else seconds / len(result.rounds)


def _overrides(new: Result, ratio: PairedRatio, rounds: int) -> str:
    """Return what must be changed for a comparison to have so many rounds of both programs."""
    seconds = seconds_per_round(new)
    mean_s = None if seconds is None else seconds * (1 + 1 / ratio.ratio) / 2
    return " ".join(f"{name}={value}" for name, value in overrides_for(rounds, new, mean_s).items())
