"""Conditions on the tail of the latency: met only if the bounds of both sides leave no other answer."""

from __future__ import annotations

import math
from collections.abc import Sequence

from etbench.errors import EtbenchError
from etbench.results.comparison.pairing import cell_name
from etbench.results.schema import Result
from etbench.stats.blocks import common_blocks
from etbench.stats.separate import DRIFT_BETWEEN_RUNS
from etbench.stats.tails import TAILS, tail_bounds
from etbench.text import and_more

__all__ = ["TAIL_BOUNDS", "bounded_pairs", "tail_change"]

TAIL_BOUNDS = {f"{name}_bound": quantile for name, quantile in TAILS.items()}
NORMAL_95 = 1.645


def bounded_pairs(
    metric: str, pairs: Sequence[tuple[Result, Result]]
) -> list[tuple[Result, tuple[float, float], tuple[float, float]]]:
    """Return each new result with the bounds of the baseline's percentile and of its own.

    Raises:
        EtbenchError: if a cell has too few samples for bounds: it can neither meet the condition nor pass it.

    """
    found, unknown = [], []
    for base, new in pairs:
        bounds = [_bounds(side, metric) for side in (base, new)]
        if bounds[0] is None or bounds[1] is None:
            unknown.append(cell_name(new))
        else:
            found.append((new, _with_drift(bounds[0], base, new), bounds[1]))
    if unknown:
        name = metric.partition("_")[0]
        raise EtbenchError(
            f"a condition on {metric} cannot be decided for {and_more(unknown)}: "
            f"the samples do not bound {name}",
            stage="compare",
            hint=f"measure BASE and NEW with repeat.tail={name}",
        )
    return found


def tail_change(base: tuple[float, float], new: tuple[float, float], *, higher: bool) -> tuple[float, float]:
    """Return the nearest values that the percentile can have in the baseline and in the new result."""
    return (base[1], new[0]) if higher else (base[0], new[1])


def _bounds(result: Result, metric: str) -> tuple[float, float] | None:
    if result.latency_ms is None or result.inferences_per_sample != 1:
        return None
    return tail_bounds([taken for taken in result.rounds if taken], TAIL_BOUNDS[metric])


def _with_drift(bounds: tuple[float, float], base: Result, new: Result) -> tuple[float, float]:
    """Return the bounds of the baseline, wider by the drift between runs if it was not interleaved."""
    together = base.turn_id is not None and base.turn_id == new.turn_id
    if together and common_blocks(base.round_medians_ms, new.round_medians_ms)[0]:
        return bounds
    drift = math.exp(NORMAL_95 * math.sqrt(2) * DRIFT_BETWEEN_RUNS)
    return bounds[0] / drift, bounds[1] * drift
