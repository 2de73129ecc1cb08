"""Comparisons that go on until they are decided: how often is the answer wrong or missing, and how late?

    python benchmarks/decided.py

The rounds are simulated (`tests/simulated_rounds.py`), and looked at as `etbench.stats.looks` does. The
second table is for slow programs, for which there is time for a few blocks only; then 28 cells are compared
at once. At last, comparisons that are open get as many rounds as is advised: how often does that settle them?
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from simulated_decisions import PASSED, REGRESSION, UNDECIDED, Decided, decided, settled
from simulated_rounds import ROUND_S

QUICK_S = 10
CELLS = 28


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_000, help="for each ratio")
    parser.add_argument("--sweeps", type=int, default=500, help=f"sweeps of {CELLS} cells for each ratio")
    args = parser.parse_args()
    random = np.random.default_rng(0)
    _print_head("a quick program, 30 rounds planned")
    for ratio in (0.90, 1.00, 1.02, 1.03, 1.04, 1.05, 1.07, 1.10, 1.20):
        _print_row(ratio, decided(random, ratio, args.pairs))
    for family in (1, CELLS):
        for most in (12, 25):
            _print_head(f"a slow program, one of {family}, with time for {most} blocks")
            for ratio in (1.00, 1.05, 1.50, 3.00):
                _print_row(ratio, decided(random, ratio, args.pairs, planned=5, most=most, family=family))
    _print_head(f"one of {CELLS} cells")
    for ratio in (1.00, 1.05):
        found = decided(random, ratio, CELLS * args.sweeps, family=CELLS)
        _print_row(ratio, found)
        sweeps = (found.answers == REGRESSION).reshape(-1, CELLS).any(axis=1)
        print(f"           some regression in {_share(sweeps)} of the sweeps")
    print("\nopen after a number of blocks: how many are settled by the advised number?")
    for family in (1, CELLS):
        for first in (12, 30):
            hits = settled(random, args.pairs, first=first, family=family)
            print(f"one of {family}, {first} blocks: {_share(hits)} of {hits.size}")


def _print_head(title: str) -> None:
    print(f"\n{title}")
    columns = ("regression", "passed", "undecided")
    print("true ratio", *(f"{name:>23}" for name in columns), f" blocks  decided in {QUICK_S} s")


def _print_row(ratio: float, found: Decided) -> None:
    shares = [_share(found.answers == answer) for answer in (REGRESSION, PASSED, UNDECIDED)]
    quick = np.mean((2 * ROUND_S * found.blocks <= QUICK_S) & (found.answers != UNDECIDED))
    print(f"{ratio:10.2f}", *shares, f"{found.blocks.mean():7.1f}  {quick:15.1%}")


def _share(hits: NDArray[np.bool_]) -> str:
    """Return a share with its 95 % interval (Wilson)."""
    low, high = binomtest(int(hits.sum()), hits.size).proportion_ci(method="wilson")
    return f"{hits.mean():7.2%} ({low:.2%}, {high:.2%})"


if __name__ == "__main__":
    main()
