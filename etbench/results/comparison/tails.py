"""Conditions on the tail of the latency: met only if the bounds of both sides leave no other answer."""

from __future__ import annotations

from collections.abc import Sequence

from etbench.errors import EtbenchError
from etbench.results.comparison.interleaved import interleaved
from etbench.results.comparison.pairing import cell_name
from etbench.results.schema import Result
from etbench.stats.tails import TAILS, tail_bounds
from etbench.text import and_more

__all__ = ["TAIL_BOUNDS", "bounded_pairs", "tail_change"]

TAIL_BOUNDS = {f"{name}_bound": quantile for name, quantile in TAILS.items()}
Bounds = tuple[float, float]
Samples = tuple[list[list[float]], int]  # of each round, in ms, and how many inferences each contains


def bounded_pairs(metric: str, pairs: Sequence[tuple[Result, Result]]) -> list[tuple[Result, Bounds, Bounds]]:
    """Return each new result with the bounds of the baseline's percentile and of its own.

    Raises:
        EtbenchError: if a cell can neither meet the condition nor pass it: it has too few samples for bounds,
            or the two were not interleaved, and may differ by the drift of the machine.

    """
    name = metric.partition("_")[0]
    apart = [cell_name(new) for base, new in pairs if interleaved(base, new) is None]
    if apart:
        raise EtbenchError(
            f"a condition on {metric} cannot be decided for {and_more(apart)}: "
            "the two sides were not interleaved",
            stage="compare",
            hint=f"measure NEW with compare_to=<BASELINE> and repeat.tail={name}",
        )
    found, unknown = [], []
    for base, new in pairs:
        bounds = _bounds(*_base_samples(base, new), metric), _bounds(*_samples(new), metric)
        if bounds[0] is None or bounds[1] is None:
            unknown.append(cell_name(new))
        else:
            found.append((new, bounds[0], bounds[1]))
    if unknown:
        raise EtbenchError(
            f"a condition on {metric} cannot be decided for {and_more(unknown)}: "
            f"the samples do not bound {name}",
            stage="compare",
            hint=f"measure BASELINE and NEW with repeat.tail={name}",
        )
    return found


def tail_change(base: Bounds, new: Bounds, *, higher: bool) -> Bounds:
    """Return the nearest values that the percentile can have in the baseline and in the new result."""
    return (base[1], new[0]) if higher else (base[0], new[1])


def _base_samples(base: Result, new: Result) -> Samples:
    """Return the samples of the baseline that were interleaved with those of `new`."""
    if new.in_turn is None or base.turn_id == new.turn_id:
        return _samples(base)
    taken = new.in_turn.base_facts
    return new.in_turn.base_rounds, max((facts.inferences_per_sample for facts in taken), default=1)


def _samples(result: Result) -> Samples:
    return result.rounds, result.inferences_per_sample


def _bounds(rounds: list[list[float]], inferences_per_sample: int, metric: str) -> Bounds | None:
    if inferences_per_sample != 1:
        return None
    return tail_bounds([taken for taken in rounds if taken], TAIL_BOUNDS[metric])
