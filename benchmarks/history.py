"""How often `etbench history` reports a change that is not there, and how soon it finds one that is.

    python benchmarks/history.py

The series are simulated: the noise of a run is normal, and correlated from run to run as stated; an isolated
outlier is 10 to 80 % slower. A series is searched when it is complete, and on each night while it grows.
Rates have their 95 % intervals (Clopper and Pearson); no minimum change is set for the series without one.
"""

from __future__ import annotations

import argparse
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from etbench.stats.changes import LEAST_RATIO, Change, first_seen, judge_series

SEED = 0
LEVEL_MS = 10.0
HALF_WIDTH = 0.02  # of each run's interval
AT_MOST, AT_LEAST = 0.05, 0.90


@dataclass(frozen=True)
class Noise:
    """How the logs of runs vary around their level."""

    deviation: float = 0.03
    correlation: float = 0.0
    outliers: float = 0.0
    white: float = 0.0  # share of the variance that is not correlated
    tails: float | None = None  # degrees of freedom of Student's t

    def draw(self, random: np.random.Generator, runs: int) -> np.ndarray:
        shocks = random.standard_normal(runs) if self.tails is None else random.standard_t(self.tails, runs)
        series = shocks.copy()
        for run in range(1, runs):
            series[run] *= math.sqrt(1 - self.correlation**2)
            series[run] += self.correlation * series[run - 1]
        series = math.sqrt(1 - self.white) * series + math.sqrt(self.white) * random.standard_normal(runs)
        outlying = random.random(runs) < self.outliers
        return self.deviation * series + outlying * np.log(random.uniform(1.1, 1.8, runs))


@dataclass(frozen=True)
class Null:
    """Series without a change; a target is a row of the issue's table."""

    name: str
    noise: Noise
    runs: int = 100
    cells: int = 1
    target: bool = True


@dataclass(frozen=True)
class Step:
    """Series with a step, which should be found while there are `within` runs after it."""

    ratio: float
    noise: Noise
    before: int
    within: int
    cells: int = 1
    target: bool = False


NULLS = (
    Null("independent", Noise()),
    *(Null(f"correlation {value}", Noise(correlation=value)) for value in (0.3, 0.5, 0.8)),
    Null("8 % isolated outliers", Noise(outliers=0.08)),
    Null("8 % outliers, 1 % noise", Noise(0.01, outliers=0.08), target=False),
    Null("8 % outliers, correlation 0.5", Noise(outliers=0.08, correlation=0.5), target=False),
    Null("Student's t, 3 degrees", Noise(tails=3), target=False),
    Null("correlation 0.9", Noise(correlation=0.9), target=False),
    Null("half independent, half correlation 0.9", Noise(correlation=0.9, white=0.5), target=False),
    Null("most independent, a fifth correlation 0.95", Noise(correlation=0.95, white=0.8), target=False),
    Null("correlation 0.8, one of 10 cells", Noise(correlation=0.8), cells=10),
    Null("independent, 300 runs", Noise(), runs=300, target=False),
    Null("correlation 0.8, 300 runs", Noise(correlation=0.8), runs=300, target=False),
)
ONE, THREE = Noise(0.01), Noise(0.03)
STEPS = (
    Step(1.05, ONE, before=50, within=5, target=True),
    Step(1.10, THREE, before=50, within=8, target=True),
    *(Step(1.05, ONE, before=before, within=5) for before in (16, 30, 90)),
    *(Step(1.10, THREE, before=before, within=8) for before in (16, 30, 90)),
    Step(1.05, ONE, before=50, within=5, cells=28),
    Step(1.10, THREE, before=50, within=8, cells=28),
    Step(1 / 1.10, THREE, before=50, within=8),
    Step(1.10, Noise(0.03, outliers=0.08), before=50, within=8),
    Step(1.10, Noise(0.03, correlation=0.5), before=50, within=20),
    Step(1.10, Noise(0.03, correlation=0.8), before=50, within=20),
    Step(1.25, Noise(0.03, correlation=0.8), before=50, within=8),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--series", type=int, default=1_000, help="how many per row")
    parser.add_argument("--cells", type=int, default=200, help="histories whose search is timed")
    args = parser.parse_args()
    print_nulls(args.series)
    print_steps(args.series)
    print_speed(args.cells)


def print_nulls(count: int) -> None:
    """Print how often a series without a change seems to have one."""
    print(f"False changes, of {count} series without a change\n")
    print("| runs | target | when complete | on any night |\n|---|--:|--:|--:|")
    for null in NULLS:
        random = np.random.default_rng(SEED)
        complete = nights = 0
        for _ in range(count):
            series = LEVEL_MS * np.exp(null.noise.draw(random, null.runs))
            alpha = AT_MOST / null.cells
            seen = first_seen(series, [HALF_WIDTH] * null.runs, alpha=alpha, least_ratio=1.0)
            nights += bool(seen)
            complete += bool(seen) and bool(changes(series, alpha=alpha, least_ratio=1.0))
        target = f"≤ {AT_MOST / null.cells:.1%}" if null.target else ""
        print(f"| {null.name} | {target} | {rate(complete, count)} | {rate(nights, count)} |", flush=True)


def print_steps(count: int) -> None:
    """Print how often a step is found in time, and what is reported about it then."""
    print(f"\nSteps that are found, of {count} series with one\n")
    print(
        "| step | noise | runs before | runs after | cells | target | found | after runs (median) "
        "| ratio in interval | place in interval | other changes |"
    )
    print("|--:|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|")
    for step in STEPS:
        random = np.random.default_rng(SEED)
        delays, ratio_covered, place_covered, others = [], 0, 0, 0
        runs, alpha = step.before + step.within, AT_MOST / step.cells
        for _ in range(count):
            logs = step.noise.draw(random, runs)
            logs[step.before :] += math.log(step.ratio)
            series = LEVEL_MS * np.exp(logs)
            seen = first_seen(series, [HALF_WIDTH] * runs, alpha=alpha)
            delays += [night - step.before for night, at in seen if night > step.before][:1]
            found = changes(series, alpha=alpha)
            right = [change for change in found if (change.ratio - 1) * (step.ratio - 1) > 0][-1:]
            others += len(found) - len(right)
            ratio_covered += sum(one.low <= step.ratio <= one.high for one in right)
            place_covered += sum(one.earliest <= step.before <= one.latest for one in right)
        total = len(delays)
        target = f"≥ {AT_LEAST:.0%}" if step.target else ""
        print(
            f"| {step.ratio - 1:+.1%} | {described(step.noise)} | {step.before} | {step.within} "
            f"| {step.cells} | {target} | {rate(total, count)} "
            f"| {np.median(delays) if delays else math.nan:g} "
            f"| {ratio_covered / max(total, 1):.0%} | {place_covered / max(total, 1):.0%} | {others} |",
            flush=True,
        )


def print_speed(cells: int) -> None:
    """Print the processor time that a search of many histories takes."""
    print(f"\nProcessor time to search {cells} histories\n")
    print("| runs | s | ms per history |\n|--:|--:|--:|")
    for runs in (30, 100, 300):
        random = np.random.default_rng(SEED)
        many = [LEVEL_MS * np.exp(Noise().draw(random, runs)) for _ in range(cells)]
        seconds = searching_s(many)
        print(f"| {runs} | {seconds:.1f} | {1_000 * seconds / cells:.1f} |")


def changes(series: np.ndarray, *, alpha: float = AT_MOST, least_ratio: float = LEAST_RATIO) -> list[Change]:
    """Return the changes of a series whose runs all have the same interval."""
    half_widths = [HALF_WIDTH] * len(series)
    return judge_series(series.tolist(), half_widths, alpha=alpha, least_ratio=least_ratio).changes


def described(noise: Noise) -> str:
    words = [f"{noise.deviation:.0%}"]
    words += [f"correlation {noise.correlation}"] if noise.correlation else []
    words += [f"{noise.outliers:.0%} outliers"] if noise.outliers else []
    return ", ".join(words)


def rate(hits: int, count: int) -> str:
    low, high = stats.binomtest(hits, count).proportion_ci(0.95, "exact")
    return f"{hits / count:.1%} ({low:.1%} to {high:.1%})"


def searching_s(histories: Sequence[np.ndarray]) -> float:
    start = time.process_time()
    for series in histories:
        changes(series)
    return time.process_time() - start


if __name__ == "__main__":
    main()
