"""One core is busy during half of the rounds: does etbench report it, and is there a false alarm?

    python benchmarks/load.py --trials 40

Each trial measures the same program twice, interleaved, while a busy process runs for half of every second.
"""

from __future__ import annotations

import argparse
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from common import built, measured, print_machine

from etbench.measure import Series
from etbench.measure.protocol import in_turn
from etbench.stats import assess
from etbench.stats.looks import levels_of
from etbench.stats.verdict import judge_in_turn


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--trials", type=int, default=40)
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    args = parser.parse_args()
    print_machine()
    with built(*args.cell) as (cell, subject):
        for name, load in (("quiet", _nothing), ("one core busy half of the time", _busy_half)):
            verdicts, words = Counter[str](), Counter[str]()
            for _ in range(args.trials):
                with load():
                    base, new = measured(cell, [subject, subject], together=True, decide=True)
                verdicts[_stability(new)] += 1
                medians = in_turn(base.rounds, new.rounds)
                _, judgement = judge_in_turn(*medians, threshold=0.05, levels=levels_of(new.looks))
                words[judgement.verdict] += 1
            print(f"{name}, {args.trials} trials: stability {dict(verdicts)}; interleaved {dict(words)}")


def _stability(series: Series) -> str:
    return assess(
        [round_.samples_ms for round_ in series.rounds],
        other_cpu_shares=[round_.load.other_cpu_share for round_ in series.rounds],
        steal_shares=[round_.load.steal_share for round_ in series.rounds],
    ).verdict


@contextmanager
def _nothing() -> Iterator[None]:
    yield


@contextmanager
def _busy_half() -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=_work, daemon=True)
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join()


def _work() -> None:
    while True:
        until = time.monotonic() + 0.5
        while time.monotonic() < until:
            pass
        time.sleep(0.5)


if __name__ == "__main__":
    main()
