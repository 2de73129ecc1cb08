"""How often the interval of a cell covers the truth, on a recorded series, compared with a plain bootstrap.

    python benchmarks/coverage.py --recordings 3

Rounds of one program are recorded back to back, a thousand at a time. Every stretch of 30 rounds is treated
as a measurement, and the median of the whole series as the truth. The intervals miss drift that is slower
than one measurement.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec
import numpy as np
from common import built, measured, print_machine

from etbench.stats import location_interval

LAGS = (1, 5, 10, 20, 50)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--recordings", type=int, default=3, help="how many series of a thousand rounds")
    parser.add_argument("--rounds", type=int, default=30, help="rounds per stretch")
    parser.add_argument("--cell", nargs="*", default=["model=mobilenet_v2", "precision=int8"])
    parser.add_argument("--recorded", type=Path, help="read the series from this file instead")
    parser.add_argument("--save", type=Path, help="write the series to this file")
    args = parser.parse_args()
    if args.recorded:
        series = json.loads(args.recorded.read_text())
    else:
        print_machine()
        series = _record(args.cell, args.recordings)
    if args.save:
        args.save.write_text(json.dumps(series))
    _report(series, args.rounds)


def _record(overrides: list[str], recordings: int) -> list[list[float]]:
    with built(*overrides) as (cell, subject):
        repeat = msgspec.structs.replace(subject.repeat, rounds=1_000, rounds_s=3_600, max_seconds=3_600)
        many = msgspec.structs.replace(subject, repeat=repeat)
        recorded = [measured(cell, [many])[0] for _ in range(recordings)]
    return [round_.samples_ms for series in recorded for round_ in series.rounds]


def _report(series: list[list[float]], rounds: int) -> None:
    logs = np.log([np.median(samples) for samples in series])
    truth = float(np.exp(np.median(logs)))
    centred = logs - logs.mean()
    correlation = [float((centred[lag:] * centred[:-lag]).mean() / centred.var()) for lag in LAGS]
    print(f"{len(series)} rounds; their medians vary by {logs.std():.1%}")
    print(
        "correlated by " + ", ".join(f"{c:.2f} after {lag}" for lag, c in zip(LAGS, correlation, strict=True))
    )
    random = np.random.default_rng(0)
    covered, naive, widths = [], [], []
    for start in range(0, len(series) - rounds + 1, max(1, rounds // 6)):
        stretch = series[start : start + rounds]
        interval = location_interval(stretch)
        covered.append(interval.low <= truth <= interval.high)
        widths.append(interval.half_width)
        low, high = _bootstrap(np.log([np.median(samples) for samples in stretch]), random)
        naive.append(low <= np.log(truth) <= high)
    print(
        f"{len(covered)} stretches of {rounds} rounds: "
        f"the interval covers the truth in {np.mean(covered):.1%} (half width {np.median(widths):.1%}), "
        f"a plain bootstrap in {np.mean(naive):.1%}"
    )


def _bootstrap(logs: np.ndarray, random: np.random.Generator) -> tuple[float, float]:
    medians = np.median(random.choice(logs, (500, len(logs))), axis=1)
    low, high = np.percentile(medians, [2.5, 97.5])
    return float(low), float(high)


if __name__ == "__main__":
    main()
