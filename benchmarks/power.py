"""A true slowdown of 10 % and of 3 %: how often does etbench find it?

    python benchmarks/power.py --trials 40

The slowed program does a calibrated amount of extra work (matrix products in the same `.pte`). Each trial
measures the plain and the slowed program interleaved: 10 % with default settings, 3 % with repeat=adaptive.
"""

from __future__ import annotations

import argparse
import os
import time
from collections import Counter
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median

import msgspec
from common import built, measured, print_machine

from etbench.config import Cell
from etbench.measure import Subject
from etbench.measure.protocol import in_turn
from etbench.preflight.compose import compose
from etbench.stats import PairedRatio
from etbench.stats.looks import levels_of
from etbench.stats.verdict import Judgement, judge_in_turn

HERE = Path(__file__).parent
FIRST_GUESS = 100  # rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--only", type=float, choices=[0.10, 0.03], help="only one of the two slowdowns")
    args = parser.parse_args()
    os.environ["PYTHONPATH"] = str(HERE)  # the builder finds slowed.py there
    print_machine()
    with slowed(0) as (cell, plain):
        for target, repeat in ((0.10, "recommended"), (0.03, "adaptive")):
            if args.only in (None, target):
                with slowed(rows_for(cell, plain, target)) as (_, slower):
                    truth = long_ratio(cell, plain, slower)
                    low, high = truth.low - 1, truth.high - 1
                    print(f"{target:.0%} wanted, truly {truth.ratio - 1:.1%} ({low:.1%} to {high:.1%})")
                    _trials(cell, plain, slower, repeat, args.trials)


def slowed(rows: int) -> AbstractContextManager[tuple[Cell, Subject]]:
    return built("model=slowed", f"model.rows={rows}", config_dir=HERE / "conf")


def rows_for(cell: Cell, plain: Subject, target: float) -> int:
    """Return the amount of work that makes the program slower by the target, found in three steps."""
    rows = FIRST_GUESS
    for _ in range(3):
        with slowed(rows) as (_, slower):
            rows = max(1, round(rows * target / (long_ratio(cell, plain, slower).ratio - 1)))
    return rows


def long_ratio(cell: Cell, plain: Subject, slower: Subject) -> PairedRatio:
    """Compare over 200 blocks, the best available estimate of the truth."""
    repeat = msgspec.structs.replace(plain.repeat, rounds=200, rounds_s=600, max_seconds=600)
    return _judged(cell, *(msgspec.structs.replace(side, repeat=repeat) for side in (plain, slower)))[0]


def _judged(cell: Cell, base: Subject, new: Subject) -> tuple[PairedRatio, Judgement]:
    decide = new.repeat.target_ci is None
    one, two = measured(cell, [base, new], together=True, decide=decide)
    return judge_in_turn(*in_turn(one.rounds, two.rounds), threshold=0.05, levels=levels_of(two.looks))


def _trials(cell: Cell, plain: Subject, slower: Subject, repeat: str, count: int) -> None:
    how = compose(["model=mobilenet_v2", f"repeat={repeat}"]).repeat
    subjects = [msgspec.structs.replace(subject, repeat=how) for subject in (plain, slower)]
    words, seconds, blocks = Counter[str](), [], []
    for _ in range(count):
        begun = time.monotonic()
        ratio, judgement = _judged(cell, *subjects)
        seconds.append(time.monotonic() - begun)
        blocks.append(ratio.blocks)
        words[judgement.verdict] += 1
    print(
        f"  repeat={repeat}: slower in {words['slower'] / count:.0%} of {count}, {dict(words)}; "
        f"{median(blocks):.0f} blocks, {median(seconds):.1f} s per trial (at most {max(seconds):.1f})"
    )


if __name__ == "__main__":
    main()
