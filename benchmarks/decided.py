"""The decision of a comparison that goes on until it is decided, on simulated rounds.

    python benchmarks/decided.py --pairs 5000

Two programs are timed in turn on a machine that is noisy, drifts and has outliers as the recorded one
(`coverage.py`, `aa.py`). Each pair is looked at as `etbench.stats.looks` says, until it is decided. Printed
are, for each true ratio, how often it is called a regression, passed or is left undecided, with the blocks
and seconds that this takes; then how often any of 28 equal cells is called a regression; and how often the
blocks that would settle an open comparison do.
"""

from __future__ import annotations

import argparse
import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from etbench.stats.looks import Look, blocks_to_decide, first_look, looks_from
from etbench.stats.paired import paired_intervals
from etbench.stats.verdict import in_turn_at

Array = NDArray[np.float64]
THRESHOLD = 0.05
ROUND_S = 0.06  # of mobilenet_v2 in int8: fork, load, warmup and three samples
PLANNED = 30  # rounds
RATIOS = (0.90, 1.00, 1.02, 1.03, 1.04, 1.05, 1.07, 1.10, 1.20)
AT_ONCE = 250  # pairs


@dataclass(frozen=True)
class Decided:
    """What became of many pairs: +1 for a regression, -1 for passed, 0 for undecided; and their blocks."""

    answers: NDArray[np.int8]
    blocks: NDArray[np.int64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_000)
    parser.add_argument("--sweeps", type=int, default=2_000)
    args = parser.parse_args()
    random = np.random.default_rng(0)
    print("a pair, X = 5 %; share of pairs with their 95 % intervals")
    print(
        "true ratio   regression           passed               undecided            blocks  seconds  ≤ 10 s"
    )
    for ratio in RATIOS:
        _print_ratio(ratio, decided(random, ratio, args.pairs))
    for blocks in (12, 24, 83):
        print(f"no time for more than {blocks} blocks, with the plan of a slow cell")
        for ratio in (1.00, 1.05, 1.30, 3.00):
            planned = 5 if blocks < PLANNED else PLANNED
            _print_ratio(ratio, decided(random, ratio, args.pairs, planned=planned, most=blocks))
    for ratio in (1.00, 1.05):
        cells = decided(random, ratio, 28 * args.sweeps, family=28).answers.reshape(args.sweeps, 28)
        any_alarm = share_of((cells == 1).any(axis=1))
        print(f"28 cells at x{ratio:.2f}: some regression in {any_alarm}, undecided {share_of(cells == 0)}")
    for family in (1, 28):
        settled = settling(random, args.pairs, family=family)
        print(f"one of {family}: an open comparison is settled by the advised rounds in {share_of(settled)}")


def decided(
    random: np.random.Generator,
    ratio: float,
    pairs: int,
    *,
    planned: int = PLANNED,
    most: float = math.inf,
    family: int = 1,
) -> Decided:
    """Measure many pairs of this true ratio until they are decided."""
    looks = looks_from(first_look(planned, family=family, most=most), most)
    answers, blocks = np.zeros(pairs, np.int8), np.full(pairs, looks[-1].blocks)
    for start in range(0, pairs, AT_ONCE):
        part = slice(start, min(start + AT_ONCE, pairs))
        base, new = measured(random, ratio, part.stop - part.start, looks[-1].blocks)
        for look in looks:
            still = np.flatnonzero(answers[part] == 0) + start
            if not len(still):
                break
            rows = still - start
            answers[still] = _look(base[rows, : look.blocks], new[rows, : look.blocks], look, family)
            blocks[still[answers[still] != 0]] = look.blocks
    return Decided(answers, blocks)


def settling(random: np.random.Generator, pairs: int, *, family: int, first: int = 30) -> NDArray[np.bool_]:
    """Return whether pairs that are undecided after some blocks are, after as many as are then advised.

    Their true ratios are between x0.8 and x1.3. Those for which more rounds do not help are left out.
    """
    settled = []
    only = Look(blocks=first, share=1.0)
    for ratio in np.exp(random.uniform(math.log(0.8), math.log(1.3), pairs)):
        base, new = measured(random, float(ratio), 1, first)
        if _look(base, new, only, family)[0]:
            continue
        advised = blocks_to_decide(in_turn_at(base[0], new[0]), threshold=THRESHOLD, family=family)
        if advised is not None:
            again = measured(random, float(ratio), 1, advised)
            settled.append(_look(*again, looks_from(advised)[0], family)[0] != 0)
    return np.array(settled)


def measured(random: np.random.Generator, ratio: float, pairs: int, blocks: int) -> tuple[Array, Array]:
    """Return the round medians of two programs, whose rounds follow each other as in `worker.blocks`."""
    logs = machine(random, pairs, 2 * blocks, ROUND_S).reshape(pairs, blocks, 2)
    reverse = random.random((pairs, (blocks + 1) // 2)) < 0.5
    reverse = np.stack([reverse, ~reverse], axis=-1).reshape(pairs, -1)[:, :blocks]
    base, new = (np.where(reverse, logs[..., one], logs[..., 1 - one]) for one in (1, 0))
    return np.exp(base), ratio * np.exp(new)


def machine(random: np.random.Generator, series: int, rounds: int, apart_s: float) -> Array:
    """Return the log of round medians as recorded: see `tests/stats/test_interval.py`."""
    shape = (series, rounds)
    logs = random.normal(0, 0.10 * math.sqrt(0.10), shape)
    logs += _drifting(random, shape, 0.22 / apart_s, 0.10 * math.sqrt(0.25))
    logs += _drifting(random, shape, 1.8 / apart_s, 0.10 * math.sqrt(0.65))
    return logs + (random.random(shape) < 1 / 12) * random.uniform(0.47, 0.59, shape)


def _drifting(random: np.random.Generator, shape: tuple[int, int], rounds: float, std: float) -> Array:
    keep = math.exp(-1 / rounds)
    noise = random.normal(0, std * math.sqrt(1 - keep**2), shape)
    noise[:, 0] = random.normal(0, std, shape[0])
    for column in range(1, shape[1]):
        noise[:, column] += keep * noise[:, column - 1]
    return noise


def _look(base: Array, new: Array, look: Look, family: int) -> NDArray[np.int8]:
    """Decide as `etbench.stats.verdict` does, for many pairs at once."""
    levels = look.levels
    low = paired_intervals(base, new, confidence=levels.strict(family))[1]
    high = paired_intervals(base, new, confidence=levels.interval)[2]
    return np.where(low > 1 + THRESHOLD, 1, np.where(high < 1 + THRESHOLD, -1, 0)).astype(np.int8)


def share_of(hits: NDArray[np.bool_]) -> str:
    """Return a share with its 95 % interval (Wilson)."""
    n, share, z = hits.size, float(hits.mean()), NormalDist().inv_cdf(0.975)
    centre, half = share + z**2 / (2 * n), z * math.sqrt(share * (1 - share) / n + z**2 / (4 * n**2))
    low, high = ((centre + sign * half) / (1 + z**2 / n) for sign in (-1, 1))
    return f"{share:6.2%} ({max(0, low):.2%} to {high:.2%})"


def _print_ratio(ratio: float, found: Decided) -> None:
    shares = "  ".join(share_of(found.answers == answer) for answer in (1, -1, 0))
    seconds = 2 * ROUND_S * found.blocks
    quick = np.mean((seconds <= 10) & (found.answers != 0))
    print(f"  x{ratio:.2f}  {shares}  {found.blocks.mean():6.1f}  {seconds.mean():6.1f}  {quick:.1%}")


if __name__ == "__main__":
    main()
