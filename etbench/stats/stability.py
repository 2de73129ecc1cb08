"""What of a cell's latency is uncertain, its level or its tail, and what else the machine was doing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Literal

import numpy as np
from msgspec import Struct

from etbench.stats.bounds import Count
from etbench.stats.interval import Interval, location_interval

__all__ = ["NARROW", "Stability", "Verdict", "assess"]

Verdict = Literal["stable", "noisy", "unstable", "unknown"]

NARROW, WIDE = 0.05, 0.15  # half widths of the level's interval up to which a cell is stable, and noisy
OUTLYING_Z = 3.5  # Iglewicz & Hoaglin, "How to Detect and Handle Outliers", 1993
MAD_TO_STD = 1.4826
# What may have made rounds differ: the figure, its text, and the share above which it is worth a word.
CAUSES = (
    ("drift", "the second half of the rounds differs from the first by {:.1%}", 0.05),
    ("outlying_share", "{:.0%} of the rounds are outliers", 0.20),
    ("other_cpu_share", "other processes used {:.0%} of the CPUs", 0.10),
    ("steal_share", "the hypervisor took {:.1%} of the CPUs", 0.02),
)
BUSY = {"other_cpu_share": 0.40, "steal_share": 0.10}  # above, the level is that of a busy machine
OF_TAIL = ("outlying_share", "other_cpu_share", "steal_share")


class Stability(Struct, frozen=True, kw_only=True):
    """The verdict on a cell's level, and the figures behind it; shares unless named otherwise.

    The verdict is ``stable`` if half of the 95 % interval of the level is at most 5 %, ``noisy`` up to 15 %,
    ``unstable`` above or if most of the machine did other work, and ``unknown`` below five rounds. `reasons`
    has that half width and what may have caused it. `tail` are the reasons why the percentiles are more those
    of the machine than of the program; it is empty if they are not shown, and null in results of older
    versions, whose verdicts had other rules. `between_rounds` is the robust standard deviation of the log of
    the round medians (0.05 is about 5 %), `drift` how far the medians of the two halves of the rounds are
    apart. `outlying_rounds` are the numbers of rounds that are outliers; they stay in the file, and in the
    statistics, which are robust.
    """

    verdict: Verdict
    reasons: list[str]
    between_rounds: float | None
    drift: float | None
    outlying_rounds: list[Count]
    other_cpu_share: float | None
    steal_share: float | None
    tail: list[str] | None = None


def assess(
    rounds_ms: Sequence[Sequence[float]],
    *,
    other_cpu_shares: Sequence[float | None] = (),
    steal_shares: Sequence[float | None] = (),
    has_tail: bool = False,
    interval: Interval | None = None,
) -> Stability:
    """Judge the rounds of a cell.

    Args:
        rounds_ms: the samples of each round, in ms, in the order in which they were taken.
        other_cpu_shares: of each round, the CPU time that other processes took.
        steal_shares: of each round, the CPU time that the hypervisor took.
        has_tail: whether the samples bound a percentile, which is then shown.
        interval: of the level, if it is known; otherwise that of the rounds.

    """
    logs = np.log([median(samples) for samples in rounds_ms])
    spread = MAD_TO_STD * float(np.median(np.abs(logs - np.median(logs))))
    outlying = np.flatnonzero(np.abs(logs - np.median(logs)) > OUTLYING_Z * max(spread, 1e-9)).tolist()
    interval = interval or location_interval(rounds_ms)
    half = len(logs) // 2
    drift = abs(float(np.median(logs[half:]) - np.median(logs[:half]))) if len(logs) > 1 else None
    figures = {
        "drift": drift,
        "outlying_share": len(outlying) / len(logs),
        "other_cpu_share": _mean(other_cpu_shares),
        "steal_share": _mean(steal_shares),
    }
    verdict, reasons = _verdict(interval.half_width if interval else None, len(logs))
    if verdict != "unknown" and any((figures[name] or 0) > limit for name, limit in BUSY.items()):
        verdict = "unstable"
    return Stability(
        verdict=verdict,
        reasons=[] if verdict == "stable" else [*reasons, *_causes(figures)],
        between_rounds=spread if len(logs) > 1 else None,
        drift=drift,
        outlying_rounds=outlying,
        other_cpu_share=figures["other_cpu_share"],
        steal_share=figures["steal_share"],
        tail=_causes({name: figures[name] for name in OF_TAIL}) if has_tail else [],
    )


def _verdict(half_width: float | None, rounds: int) -> tuple[Verdict, list[str]]:
    if half_width is None:
        are = "1 round is" if rounds == 1 else f"{rounds} rounds are"
        return "unknown", [f"{are} too few to show how much rounds differ"]
    if half_width <= NARROW:
        return "stable", []
    verdict: Verdict = "noisy" if half_width <= WIDE else "unstable"
    return verdict, [f"the level is known to ±{half_width:.1%}"]


def _causes(figures: Mapping[str, float | None]) -> list[str]:
    return [
        text.format(value)
        for name, text, limit in CAUSES
        if (value := figures.get(name)) is not None and value > limit
    ]


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return math.fsum(known) / len(known) if known else None
