"""The same program against itself: how often does etbench report a difference that does not exist?

    python benchmarks/aa.py --pairs 60

Each pair is measured interleaved with default settings. Between the pairs the program is measured alone, and
those runs, minutes apart, are compared with each other: each with the five runs before it, by how far apart
these are. The naive procedure runs in between as well: two
processes of 50 samples, and the Mann-Whitney test on the samples.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from pathlib import Path
from statistics import median
from typing import Any

import msgspec
import numpy as np
from common import built, interval_of, measured, print_machine
from scipy.stats import mannwhitneyu

from etbench.measure import Series
from etbench.stats.separate import separate_at
from etbench.stats.verdict import FamilyMember, judge_family, judge_in_turn

THRESHOLD = 0.05
Samples = list[list[float]]  # of each round, in ms
PARTS = ("in-turn", "separate", "naive")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=60)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument(
        "--bases", type=int, default=5, help="how many runs before it a separate run is compared with"
    )
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    parser.add_argument("--save", type=Path, help="write all samples to this JSON file")
    parser.add_argument("--recorded", type=Path, help="judge the samples of such a file instead")
    args = parser.parse_args()
    if args.recorded:
        recorded = json.loads(args.recorded.read_text())
    else:
        print_machine()
        recorded = _record(args.cell, args.pairs, args.parts)
    if args.save:
        args.save.write_text(json.dumps(recorded))
    _report_in_turn(recorded["pairs"])
    _report_separate(recorded["runs"], args.bases)
    _report_naive(recorded["naive"])


def _record(overrides: list[str], count: int, parts: list[str]) -> dict[str, list[Any]]:
    """Return the samples per round: of the pairs, the runs (with their start in s), the naive procedure."""
    pairs, runs, naive = [], [], []
    begun = time.monotonic()
    with built(*overrides) as (cell, subject):
        once = msgspec.structs.replace(subject.repeat, runs=50, rounds=1, spread_s=0.0)
        plain = msgspec.structs.replace(subject, repeat=once)
        for _ in range(count):
            if "in-turn" in parts:
                both = measured(cell, [subject, subject], together=True)
                pairs.append([_samples(side) for side in both])
            if "separate" in parts:
                runs.append([time.monotonic() - begun, _samples(measured(cell, [subject])[0])])
            if "naive" in parts:
                naive.append([_samples(measured(cell, [plain])[0])[0] for _ in range(2)])
    return {"pairs": pairs, "runs": runs, "naive": naive}


def _samples(series: Series) -> Samples:
    return [round_.samples_ms for round_ in series.rounds]


def _report_in_turn(pairs: list[tuple[Samples, Samples]]) -> None:
    words, halves, logs = Counter[str](), [], []
    for pair in pairs:
        base, new = ([median(samples) for samples in side] for side in pair)
        ratio, judgement = judge_in_turn(base, new, threshold=THRESHOLD)
        assert ratio.half_width is not None, f"{ratio.blocks} blocks are too few for an interval"
        words[judgement.verdict] += 1
        halves.append(ratio.half_width)
        logs.append(abs(np.log(ratio.ratio)))
    if pairs:
        _print("interleaved", words, halves, logs)


def _report_separate(runs: list[tuple[float, Samples]], bases: int) -> None:
    words, halves, logs, distances = Counter[str](), [], [], []
    for start in range(len(runs) - bases):
        (before, (later, new)) = runs[start : start + bases], runs[start + bases]
        since = before[-1][0]
        at = separate_at([samples for _, samples in before], [new])
        assert at is not None, "a run has fewer than five rounds"
        ((ratio, judgement),) = judge_family([FamilyMember(at, THRESHOLD)])
        words[judgement.verdict] += 1
        halves.append(np.log(ratio.high / ratio.low) / 2)
        logs.append(abs(np.log(ratio.ratio)))
        distances.append(later - since)
    if not distances:
        return
    _print(f"separate runs, {median(distances):.0f} s apart, of {bases}", words, halves, logs)
    intervals = [interval_of(rounds) for _, rounds in runs]
    truth = median(interval.location for interval in intervals)
    covered = np.mean([interval.low <= truth <= interval.high for interval in intervals])
    spread = np.std([np.log(interval.location) for interval in intervals], ddof=1)
    print(
        f"  the location of a run varies by {spread:.1%} (standard deviation of {len(runs)}); "
        f"the interval of a run covers their median in {covered:.0%}"
    )


def _report_naive(naive: list[tuple[list[float], list[float]]]) -> None:
    if naive:
        different = np.mean([mannwhitneyu(*pair).pvalue < 0.05 for pair in naive])
        print(
            f"naive, two processes of 50 samples, Mann-Whitney: different in {different:.0%} of {len(naive)}"
        )


def _print(name: str, words: Counter[str], halves: list[float], logs: list[float]) -> None:
    count = len(logs)
    wrong = words["faster"] + words["slower"]
    print(
        f"{name}: wrong in {wrong / count:.1%} of {count}, same {words['same'] / count:.0%}, "
        f"inconclusive {words['inconclusive'] / count:.0%}; half width {np.median(halves):.1%}, "
        f"distance median {np.median(logs):.1%}, 95th percentile {np.percentile(logs, 95):.1%}"
    )


if __name__ == "__main__":
    main()
