"""The same program against itself: how often is a difference reported that is not there?

    python benchmarks/aa.py --pairs 60

Each pair is measured in turn with default settings. Between them the program is measured alone, and
those runs are compared with each other minutes apart. The naive procedure is run beside them: two
processes of 50 samples, and the Mann-Whitney test on the samples.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from common import built, measured, print_machine
from scipy.stats import mannwhitneyu

from etbench.measure.protocol import in_turn
from etbench.stats.verdict import judge_in_turn, judge_separate

THRESHOLD = 0.05


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--apart", type=int, default=12, help="runs between the two of a separate pair")
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    parser.add_argument("--save", type=Path, help="write all samples to this JSON file")
    args = parser.parse_args()
    print_machine()
    pairs, runs, naive = [], [], []
    begun = time.monotonic()
    with built(*args.cell) as (cell, subject):
        plain = msgspec.structs.replace(
            subject, repeat=msgspec.structs.replace(subject.repeat, runs=50, rounds=1)
        )
        for _ in range(args.pairs):
            pairs.append(measured(cell, [subject, subject], together=True))
            runs.append((time.monotonic() - begun, measured(cell, [subject])[0]))
            naive.append([measured(cell, [plain])[0].rounds[0].samples_ms for _ in range(2)])
    _report_in_turn(pairs)
    _report_separate(runs, args.apart)
    _report_naive(naive)
    if args.save:
        recorded = {
            "pairs": [[[r.samples_ms for r in side.rounds] for side in pair] for pair in pairs],
            "runs": [[at, [r.samples_ms for r in run.rounds]] for at, run in runs],
            "naive": naive,
        }
        args.save.write_text(json.dumps(recorded))


def _report_in_turn(pairs: list) -> None:
    words, halves, logs = Counter(), [], []
    for base, new in pairs:
        ratio, judgement = judge_in_turn(*in_turn(base.rounds, new.rounds), threshold=THRESHOLD)
        words[judgement.verdict] += 1
        halves.append(ratio.half_width)
        logs.append(abs(np.log(ratio.ratio)))
    _print("in turn", words, len(pairs), halves, logs)


def _report_separate(runs: list, apart: int) -> None:
    words, halves, logs, distances = Counter(), [], [], []
    for (at, base), (later, new) in zip(runs, runs[apart:], strict=False):
        sides = ([round_.samples_ms for round_ in run.rounds] for run in (base, new))
        ratio, judgement = judge_separate(*sides, threshold=THRESHOLD)
        words[judgement.verdict] += 1
        halves.append(np.log(ratio.high / ratio.low) / 2)
        logs.append(abs(np.log(ratio.ratio)))
        distances.append(later - at)
    if halves:
        _print(f"separate runs, {median(distances):.0f} s apart", words, len(halves), halves, logs)
        locations = [np.log(median(median(r.samples_ms) for r in run.rounds)) for _, run in runs]
        print(f"  the location of a run varies by {np.std(locations, ddof=1):.1%} (standard deviation)")


def _report_naive(naive: list) -> None:
    different = sum(mannwhitneyu(*pair).pvalue < 0.05 for pair in naive)
    print(f"naive: two processes of 50 samples, Mann-Whitney: different in {different / len(naive):.0%}")


def _print(name: str, words: Counter, count: int, halves: list, logs: list) -> None:
    wrong = words["faster"] + words["slower"]
    print(
        f"{name}: wrong in {wrong / count:.1%} of {count}, same {words['same'] / count:.0%}, "
        f"inconclusive {words['inconclusive'] / count:.0%}; half width {np.median(halves):.1%}, "
        f"distance median {np.median(logs):.1%}, 95th percentile {np.percentile(logs, 95):.1%}"
    )


if __name__ == "__main__":
    main()
