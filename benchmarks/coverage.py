"""How often the interval of a level covers the truth: simulated, recorded, and in the committed samples.

    python benchmarks/coverage.py                   # simulated rounds and the samples in outputs/
    python benchmarks/coverage.py --recordings 3     # and rounds of one program, a thousand at a time
    python benchmarks/coverage.py --recorded FILE    # or an earlier --save

Recorded rounds follow each other without a pause. Every stretch of 30 rounds in a row is treated as a
measurement, and every set of 30 rounds spread over the whole series is another; the truth is the median of
all rounds. The intervals miss drift that is slower than one measurement. The committed samples have no
known truth: the interval of the first half of the rounds should cover the location of the second half in 83
%, as a 95 % interval does if both halves are equally uncertain.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from statistics import median

import msgspec
import numpy as np
from common import built, interval_of, measured, print_machine
from simulated import drifting, machine

from etbench.results.files.store import read_results
from etbench.stats import location_interval

LAGS = (1, 5, 10, 20, 50)
OUTPUTS = Path(__file__).parents[1] / "outputs"
Make = Callable[[np.random.Generator, int, int], np.ndarray]  # (series, rounds) of log round medians


def independent(random: np.random.Generator, series: int, rounds: int) -> np.ndarray:
    """Rounds that know nothing of each other."""
    return random.normal(0, 0.1, (series, rounds))


def outlying(random: np.random.Generator, series: int, rounds: int) -> np.ndarray:
    """Independent rounds, one in twelve of which is far out."""
    far = (random.random((series, rounds)) < 1 / 12) * random.uniform(0.47, 0.59, (series, rounds))
    return random.normal(0, 0.03, (series, rounds)) + far


def correlated(correlation: float) -> Make:
    """Rounds of which each is so much like the one before."""
    remembered = -1 / np.log(correlation)
    return lambda random, series, rounds: drifting(random, (series, rounds), remembered, 0.1)


def recorded_machine(span_s: float) -> Make:
    """Rounds like those of the machine on which etbench was developed, over so many seconds."""
    return lambda random, series, rounds: machine(random, series, rounds, span_s / rounds)


SIMULATED: dict[str, tuple[Make, tuple[int, ...]]] = {
    "independent": (independent, (5, 12, 30, 100)),
    "independent, outliers": (outlying, (5, 12, 30, 100)),
    "correlated by 0.3": (correlated(0.3), (12, 30, 100)),
    "correlated by 0.6": (correlated(0.6), (12, 30, 100)),
    "correlated by 0.8": (correlated(0.8), (12, 30, 100)),
    "the machine, over 3 s": (recorded_machine(3.0), (5, 12, 30, 75)),
    "the machine, over 6 s": (recorded_machine(6.0), (5, 12, 30, 130)),
    "the machine, over 60 s": (recorded_machine(60.0), (5, 12, 30, 100)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recordings", type=int, default=0, help="how many series of a thousand rounds")
    parser.add_argument("--rounds", type=int, default=30, help="rounds per stretch")
    parser.add_argument("--series", type=int, default=1_000, help="simulated series of each kind")
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    parser.add_argument("--recorded", type=Path, help="read the series from this file instead")
    parser.add_argument("--save", type=Path, help="write the series to this file")
    args = parser.parse_args()
    series = json.loads(args.recorded.read_text()) if args.recorded else []
    if args.recordings:
        print_machine()
        series = _record(args.cell, args.recordings)
    if args.save:
        args.save.write_text(json.dumps(series))
    _simulate(args.series)
    if series:
        _report(series, args.rounds)
    _samples()


def _simulate(series: int) -> None:
    print("simulated               rounds  covered  half width")
    random = np.random.default_rng(0)
    for name, (make, counts) in SIMULATED.items():
        truth = float(np.median(make(random, 400, 1_000))) if "machine" in name or "out" in name else 0.0
        for rounds in counts:
            rows = np.exp(make(random, series, rounds))
            intervals = [interval_of([[value] for value in row]) for row in rows]
            covered = np.mean([one.low <= np.exp(truth) <= one.high for one in intervals])
            width = np.median([one.half_width for one in intervals])
            print(f"{name:22}  {rounds:6}  {covered:7.1%}  {width:10.1%}")


def _record(overrides: list[str], recordings: int) -> list[list[float]]:
    with built(*overrides) as (cell, subject):
        repeat = msgspec.structs.replace(subject.repeat, rounds=1_000, rounds_s=3_600, max_seconds=3_600)
        many = msgspec.structs.replace(subject, repeat=repeat)
        recorded = [measured(cell, [many])[0] for _ in range(recordings)]
    return [round_.samples_ms for series in recorded for round_ in series.rounds]


def _report(series: list[list[float]], rounds: int) -> None:
    logs = np.log([median(samples) for samples in series])
    truth = float(np.exp(np.median(logs)))
    centred = logs - logs.mean()
    correlation = [float((centred[lag:] * centred[:-lag]).mean() / centred.var()) for lag in LAGS]
    print(f"\nrecorded: {len(series)} rounds; their medians vary by {logs.std():.1%}")
    print(
        "correlated by " + ", ".join(f"{c:.2f} after {lag}" for lag, c in zip(LAGS, correlation, strict=True))
    )
    for how, stretches in (
        ("in a row", [series[start : start + rounds] for start in _starts(len(series), rounds)]),
        ("spread", [series[start :: len(series) // rounds] for start in range(len(series) // rounds)]),
    ):
        covered, widths, naive = zip(*_covered(stretches, truth), strict=True)
        print(
            f"{len(stretches)} measurements of {rounds} rounds {how}: the interval covers the truth in "
            f"{np.mean(covered):.1%} (half width {np.median(widths):.1%}), a plain bootstrap in "
            f"{np.mean(naive):.1%}"
        )


def _starts(count: int, rounds: int) -> range:
    return range(0, count - rounds + 1, max(1, rounds // 6))


def _covered(stretches: list[list[list[float]]], truth: float) -> Iterator[tuple[bool, float, bool]]:
    random = np.random.default_rng(0)
    for stretch in stretches:
        interval = interval_of(stretch)
        low, high = _bootstrap(np.log([median(samples) for samples in stretch]), random)
        yield interval.low <= truth <= interval.high, interval.half_width, low <= np.log(truth) <= high


def _bootstrap(logs: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    medians = np.median(random.choice(logs, (500, len(logs))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


def _samples() -> None:
    print("\ncommitted samples: the interval of the first half covers the location of the second")
    for folder in sorted(OUTPUTS.glob("sample_*")):
        found = [
            covers
            for _, result in read_results([folder])[0]
            if (covers := _halves(result.rounds)) is not None
        ]
        if found:
            print(f"{folder.name:16}  {sum(found)} of {len(found)}")


def _halves(rounds: list[list[float]]) -> bool | None:
    half = len(rounds) // 2
    first, second = location_interval(rounds[:half]), location_interval(rounds[half:])
    return first.low <= second.location <= first.high if first and second else None


if __name__ == "__main__":
    main()
