"""Whether a cell's rounds agree, and what else the machine was doing."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from msgspec import Struct

from etbench.stats.interval import MIN_ROUNDS, location_interval

__all__ = ["Stability", "Verdict", "assess"]

Verdict = Literal["stable", "noisy", "unstable", "unknown"]

OUTLYING_Z = 3.5  # Iglewicz & Hoaglin, "How to Detect and Handle Outliers", 1993
MAD_TO_STD = 1.4826
# (figure, its text, noisy above, unstable above), all of them shares
LIMITS = (
    ("half_width", "the 95 % interval is ±{:.1%}", 0.05, 0.15),
    ("drift", "the second half of the rounds differs from the first by {:.1%}", 0.05, 0.15),
    ("outlying_share", "{:.0%} of the rounds are outliers", 0.20, 0.40),
    ("other_cpu_share", "other processes used {:.0%} of the CPUs", 0.10, 0.40),
    ("steal_share", "the hypervisor took {:.1%} of the CPUs", 0.02, 0.10),
)


class Stability(Struct, frozen=True, kw_only=True):
    """The verdict on a cell's rounds, and the figures behind it; shares unless named otherwise.

    `between_rounds` is the robust standard deviation of the log of the round medians (0.05 is about
    5 %), `drift` how far the medians of the two halves of the rounds are apart. `outlying_rounds` are the
    numbers of rounds that are outliers; they stay in the file, and in the statistics, which are robust.
    The verdict is ``unknown`` below five rounds.
    """

    verdict: Verdict
    reasons: list[str]
    between_rounds: float | None
    drift: float | None
    outlying_rounds: list[int]
    other_cpu_share: float | None
    steal_share: float | None


def assess(
    rounds_ms: Sequence[Sequence[float]],
    *,
    other_cpu_shares: Sequence[float | None] = (),
    steal_shares: Sequence[float | None] = (),
) -> Stability:
    """Judge the rounds of a cell.

    Args:
        rounds_ms: the samples of each round, in ms, in the order in which they were taken.
        other_cpu_shares: of each round, the CPU time that other processes took.
        steal_shares: of each round, the CPU time that the hypervisor took.

    """
    logs = np.log([float(np.median(samples)) for samples in rounds_ms])
    spread = MAD_TO_STD * float(np.median(np.abs(logs - np.median(logs))))
    outlying = np.flatnonzero(np.abs(logs - np.median(logs)) > OUTLYING_Z * max(spread, 1e-9)).tolist()
    interval = location_interval(rounds_ms)
    half = len(logs) // 2
    drift = abs(float(np.median(logs[half:]) - np.median(logs[:half]))) if len(logs) > 1 else None
    figures = {
        "half_width": interval.half_width if interval else None,
        "drift": drift,
        "outlying_share": len(outlying) / len(logs),
        "other_cpu_share": _mean(other_cpu_shares),
        "steal_share": _mean(steal_shares),
    }
    verdict, reasons = _verdict(figures)
    if len(logs) < MIN_ROUNDS:
        rounds = "1 round is" if len(logs) == 1 else f"{len(logs)} rounds are"
        verdict, reasons = "unknown", [f"{rounds} too few to show how much rounds differ", *reasons]
    return Stability(
        verdict=verdict,
        reasons=reasons,
        between_rounds=spread if len(logs) > 1 else None,
        drift=drift,
        outlying_rounds=outlying,
        other_cpu_share=figures["other_cpu_share"],
        steal_share=figures["steal_share"],
    )


def _verdict(figures: dict[str, float | None]) -> tuple[Verdict, list[str]]:
    reasons, worst = [], 0
    for name, text, noisy, unstable in LIMITS:
        value = figures[name]
        if value is not None and value > noisy:
            reasons.append(text.format(value))
            worst = max(worst, 2 if value > unstable else 1)
    verdicts: tuple[Verdict, ...] = ("stable", "noisy", "unstable")
    return verdicts[worst], reasons


def _mean(shares: Sequence[float | None]) -> float | None:
    known = [share for share in shares if share is not None]
    return math.fsum(known) / len(known) if known else None
