"""How often the upper bounds of p95 and p99 are above the true percentile, where a bound is shown.

    python benchmarks/tails.py

Samples are simulated: independent ones, ones that are alike within a round, and ones in rounds that drift
as on the machine on which etbench was developed, with one round in twelve far out. Below that, two runs of
the same program are compared: how often `--fail-if "p99_bound>+5%"` is met by chance, and how often a
comparison of the plain percentiles would be.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable

import numpy as np
from simulated import machine, samples_of

from etbench.stats.tails import TAILS, tail_bounds

Make = Callable[[np.random.Generator, int, int, int], np.ndarray]  # (series, rounds, samples) of logs
DESIGNS = ((30, 3), (30, 20), (100, 6), (200, 3), (100, 20))


def independent(random: np.random.Generator, series: int, rounds: int, samples: int) -> np.ndarray:
    """Samples that know nothing of each other."""
    return samples_of(random, np.zeros((series, rounds)), samples)


def alike(random: np.random.Generator, series: int, rounds: int, samples: int) -> np.ndarray:
    """Rounds that differ as much as the samples within them."""
    return samples_of(random, random.normal(0, 0.03, (series, rounds)), samples)


def spread(random: np.random.Generator, series: int, rounds: int, samples: int) -> np.ndarray:
    """The recorded machine, a round every two seconds."""
    return samples_of(random, machine(random, series, rounds, apart_s=2.0), samples)


def in_a_row(random: np.random.Generator, series: int, rounds: int, samples: int) -> np.ndarray:
    """The recorded machine, a round every 0.1 s."""
    return samples_of(random, machine(random, series, rounds, apart_s=0.1), samples)


MACHINES: dict[str, Make] = {
    "independent": independent,
    "alike in a round": alike,
    "drifting, spread": spread,
    "drifting, in a row": in_a_row,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    random = np.random.default_rng(args.seed)
    print("machine             rounds  samples  percentile  shown  bound above the truth  bound / truth")
    for name, make in MACHINES.items():
        truths = np.quantile(make(random, 4_000, 100, 3), list(TAILS.values()))
        for rounds, samples in DESIGNS:
            series = make(random, args.series, rounds, samples)
            for (word, quantile), truth in zip(TAILS.items(), truths, strict=True):
                covered, excess, shown = judged(series, quantile, truth)
                said = f"{covered:21.1%}  {excess:13.2f}" if shown else f"{'-':>21}  {'-':>13}"
                print(f"{name:18}  {rounds:6}  {samples:7}  {word:>10}  {shown:5.0%}  {said}")
    print("\ntwo runs of the same program, 30 rounds of 20 samples: p99 more than 5 % apart")
    print("machine             by the percentiles  by the bounds, of those that have them")
    for name, make in MACHINES.items():
        plain, bounds, known = pairs(make(random, 2 * args.series, 30, 20))
        print(f"{name:18}  {plain:18.1%}  {f'{bounds:.1%} of {known}' if known else '-'}")


def judged(series: np.ndarray, quantile: float, truth: float) -> tuple[float, float, float]:
    """Return the share of bounds above the truth, the median of bound over truth, and the share shown."""
    bounds = [tail_bounds(np.exp(rounds), quantile) for rounds in series]
    shown = np.array([bound[1] for bound in bounds if bound is not None])
    if not len(shown):
        return np.nan, np.nan, 0.0
    truth = np.exp(truth)
    return float((shown >= truth).mean()), float(np.median(shown) / truth), len(shown) / len(series)


def pairs(series: np.ndarray) -> tuple[float, float, int]:
    """Return how often p99 of the second of two runs is 5 % above the first: by itself, and by its bounds."""
    p99 = np.quantile(np.exp(series.reshape(len(series), -1)), 0.99, axis=1)
    bounds = [tail_bounds(np.exp(rounds), 0.99) for rounds in series]
    known = [(a, b) for a, b in zip(bounds[::2], bounds[1::2], strict=True) if a and b]
    met = [new[0] > 1.05 * base[1] for base, new in known]
    return float((p99[1::2] > 1.05 * p99[::2]).mean()), float(np.mean(met)) if met else np.nan, len(known)


if __name__ == "__main__":
    main()
