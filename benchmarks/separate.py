"""Separate runs, simulated: how often is a verdict wrong, and what can several runs of the baseline find?

    python benchmarks/separate.py --pairs 2000

A run is 30 rounds around a location of its own; locations vary from run to run by the drift of the machine.
One new run is compared with several of the baseline, by the variance that these show, and by an assumed drift
of 12.5 %. Rates are of the decisions at a threshold of 5 %: a regression if the 98 % interval lies above it,
passed if the 95 % interval lies below it.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Iterator

import numpy as np
from common import interval_of

from etbench.stats import Interval
from etbench.stats.separate import SeparateRatio, ratio_of_intervals

THRESHOLD, ASSUMED = 0.05, 0.125
ROUNDS, NOISE = 30, 0.03
WITHIN = 1_000  # different runs, before the drift
DRIFTS, RUNS = (0.03, 0.125, 0.25), (1, 2, 3, 5, 10)
TRUTHS = (1.0, 1.05, 1.10, 1.5, 3.0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    within = _without_drift(random)
    print(f"{args.pairs} pairs per row; a rate of 2.5 % has a standard error of ", end="")
    print(f"{math.sqrt(0.025 * 0.975 / args.pairs):.1%}\n")
    print(f"{'':>32}  {'':>7}  regression at a true ratio of        passed at")
    print(f"{'drift':>6} {'correlation':>11} {'runs':>4} {'method':>8}  {'covered':>7}  ", end="")
    print(
        "  ".join(f"{truth:>6}" for truth in TRUTHS), "   ", "  ".join(f"{truth:>6}" for truth in TRUTHS[:3])
    )
    for drift in DRIFTS:
        for correlation in (0.0, 0.5):
            for runs in RUNS:
                pairs = list(_pairs(random, within, drift, correlation, runs, args.pairs))
                for method, given in (("runs", None), ("assumed", ASSUMED)):
                    _print(f"{drift:>6.1%} {correlation:>11} {runs:>4} {method:>8}", pairs, given)


def _without_drift(random: np.random.Generator) -> list[Interval]:
    """Return the intervals of runs of a program that takes 1 ms, on a machine that does not drift."""
    rounds = np.exp(random.normal(0, NOISE, (WITHIN, ROUNDS, 1)))
    return [interval_of(run) for run in rounds]


def _pairs(
    random: np.random.Generator,
    within: list[Interval],
    drift: float,
    correlation: float,
    runs: int,
    count: int,
) -> Iterator[list[Interval]]:
    """Yield runs of one program in the order of time, the last of which is the new one."""
    for _ in range(count):
        steps = random.normal(0, drift, runs + 1)
        levels = [steps[0]]
        for step in steps[1:]:
            levels.append(correlation * levels[-1] + math.sqrt(1 - correlation**2) * step)
        drawn = random.integers(WITHIN, size=runs + 1)
        yield [_scaled(within[one], math.exp(level)) for one, level in zip(drawn, levels, strict=True)]


def _scaled(run: Interval, factor: float) -> Interval:
    return Interval(location=run.location * factor, low=run.low * factor, high=run.high * factor)


def _print(row: str, pairs: list[list[Interval]], drift: float | None) -> None:
    plain, strict = (
        [ratio_of_intervals(runs[:-1], runs[-1:], confidence=confidence, drift=drift) for runs in pairs]
        for confidence in (0.95, 0.98)
    )
    covered = np.mean([one.low <= 1 <= one.high for one in plain])
    regression = [np.mean([_above(one, truth) for one in strict]) for truth in TRUTHS]
    passed = [np.mean([one.high * truth < 1 + THRESHOLD for one in plain]) for truth in TRUTHS[:3]]
    print(row, f" {covered:>7.1%}  ", end="")
    print("  ".join(f"{rate:>6.1%}" for rate in regression), "   ", "  ".join(f"{r:>6.1%}" for r in passed))


def _above(ratio: SeparateRatio, truth: float) -> bool:
    """Whether it would be a regression if the new program took so many times as long: all bounds scale."""
    return ratio.low * truth > 1 + THRESHOLD


if __name__ == "__main__":
    main()
