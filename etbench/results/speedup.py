"""How many times faster one measured cell is than another, with an interval, from their rows of a frame."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from etbench.stats.interval import Interval
from etbench.stats.paired import paired_interval
from etbench.stats.separate import ratio_of_intervals

__all__ = ["FIGURES", "Speedup", "choose_base", "speedup"]

METRIC = "latency_p50_ms"
INTERVAL = ("latency_location_ms", "latency_ci95_low_ms", "latency_ci95_high_ms")

# Name and meaning of each column, as in `etbench.results.metrics`.
FIGURES = {
    "speedup": "the base's latency over this one's; above 1 is faster",
    "speedup_ci95_low": "lower bound of its 95 % interval",
    "speedup_ci95_high": "upper bound of its 95 % interval",
    "how": "`in turn`: compared block by block; `separate`: the machine's drift is in the interval",
}


class Speedup(Struct, frozen=True, kw_only=True):
    """See `FIGURES`; the bounds are None where there are too few rounds for any."""

    speedup: float
    speedup_ci95_low: float | None
    speedup_ci95_high: float | None
    how: str


def choose_base(bases: Sequence[Mapping[Any, Any]], new: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return the base that a cell is compared with: one measured in turn with it, or else the median one."""
    by_latency = sorted(bases, key=lambda base: base[METRIC])
    together = [base for base in by_latency if _in_turn(base, new)]
    chosen = together or by_latency
    return chosen[(len(chosen) - 1) // 2]


def speedup(base: Mapping[Any, Any], new: Mapping[Any, Any]) -> Speedup:
    """Compare two rows of `etbench.results.to_frame`.

    Cells that were measured in turn are compared block by block (`etbench.stats.paired`), others by their
    locations and the drift between runs (`etbench.stats.separate`), and by their p50 alone where one of
    them has fewer than five rounds.
    """
    if _in_turn(base, new):
        blocks = sorted(base["round_medians_ms"].keys() & new["round_medians_ms"].keys())
        sides = [[side["round_medians_ms"][block] for block in blocks] for side in (base, new)]
        return _inverse(*paired_interval(*sides), how="in turn")
    intervals = [_interval(side) for side in (base, new)]
    if intervals[0] is None or intervals[1] is None:
        return _inverse(new[METRIC] / base[METRIC], 0.0, math.inf, how="separate")
    found = ratio_of_intervals(intervals[0], intervals[1])
    return _inverse(found.ratio, found.low, found.high, how="separate")


def _in_turn(base: Mapping[Any, Any], new: Mapping[Any, Any]) -> bool:
    return (
        isinstance(base["turn_id"], str)
        and base["turn_id"] == new["turn_id"]
        and base["own_blocks"] == new["own_blocks"]
        and not base["round_medians_ms"].keys().isdisjoint(new["round_medians_ms"])
    )


def _interval(side: Mapping[Any, Any]) -> Interval | None:
    location, low, high = (side[name] for name in INTERVAL)
    return None if math.isnan(low) else Interval(location=location, low=low, high=high)


def _inverse(ratio: float, low: float, high: float, *, how: str) -> Speedup:
    """Turn new over base into base over new."""
    bounded = low > 0 and math.isfinite(high)
    return Speedup(
        speedup=1 / ratio,
        speedup_ci95_low=1 / high if bounded else None,
        speedup_ci95_high=1 / low if bounded else None,
        how=how,
    )
