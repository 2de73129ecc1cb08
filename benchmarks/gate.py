"""How often does the gate give the right answer, with `fail_above` of 5 %, and how often do other rules?

    python benchmarks/gate.py
    python benchmarks/gate.py --plan 30         # one look, as with repeat.until=planned
    python benchmarks/gate.py --real 40         # on a quiet machine, half an hour

Pairs of programs that differ by a known ratio are simulated with the noise, correlation and outliers that
were recorded (`tests/simulated_rounds.py`), and judged as a run with `compare_to` judges them: at the looks
of `etbench.stats.looks`, until there is a decision, or at other block counts, each with an equal part of the
levels. The other rules get the rounds of the same pairs. Then whole sweeps of equal programs are judged.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np
from common import measured, print_machine
from numpy.typing import NDArray
from power import HERE, long_ratio, rows_for, slowed
from scipy.stats import binomtest, mannwhitneyu

from etbench.config import Cell
from etbench.measure import Subject
from etbench.measure.protocol import in_turn
from etbench.stats.looks import levels_of, looks_from
from etbench.stats.paired import paired_intervals
from etbench.stats.verdict import FamilyMember, Judgement, Levels, in_turn_at, judge_family, judge_in_turn

sys.path.append(str(HERE.parent / "tests"))
from simulated_rounds import ROUND_S, interleaved, recorded_noise, samples_of

THRESHOLD = 0.05
RATIOS = (1.00, 1.05, 1.10)
STATUS = {"regression": 3, "undecided": 4, "passed": 0}
PLANNED = 30  # blocks
CELLS, SWEEP_BLOCKS = 28, 30
Plan = Sequence[tuple[int, Levels]]
Array = NDArray[np.float64]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5_000, help="simulated pairs for each ratio")
    parser.add_argument("--sweeps", type=int, default=2_000, help=f"simulated sweeps of {CELLS} equal pairs")
    parser.add_argument(
        "--plan", type=int, nargs="+", help="block counts at which it is judged, instead of the looks"
    )
    parser.add_argument("--others-at", type=int, default=30, help="blocks that the other rules get")
    parser.add_argument("--real", type=int, metavar="PAIRS", help="measure so many real pairs for each ratio")
    args = parser.parse_args()
    if args.real:
        real_pairs(args.real)
        return
    print_noise()
    looks = [(look.blocks, look.levels) for look in looks_from(PLANNED)]
    plan = equal_spending(args.plan) if args.plan else looks
    print_gate(plan, args.pairs)
    print_others(args.others_at, args.pairs)
    print_family(args.sweeps)


def equal_spending(counts: Sequence[int]) -> Plan:
    """Return block counts, each with an equal part of the levels: their sum bounds the error (Bonferroni)."""
    whole = Levels()
    part = Levels(regression=whole.regression / len(counts), passed=whole.passed / len(counts))
    return [(count, part) for count in sorted(counts)]


def decide(base_ms: Array, new_ms: Array, plan: Plan) -> tuple[Judgement, int]:
    """Judge a pair at each block count of the plan until there is a decision; return it and the blocks."""
    base, new = base_ms.tolist(), new_ms.tolist()
    for blocks, levels in plan:
        _, judgement = judge_in_turn(base[:blocks], new[:blocks], threshold=THRESHOLD, levels=levels)
        if judgement.decision != "undecided":
            break
    return judgement, blocks


def print_noise() -> None:
    """Print of the simulation what was recorded of real rounds."""
    random = np.random.default_rng(0)
    logs = recorded_noise(random, 40, 1_545, step_s=0.2)
    logs -= logs.mean()
    correlated = [float((logs[:, lag:] * logs[:, :-lag]).mean() / logs.var()) for lag in (1, 5, 10, 20, 50)]
    print(
        f"simulated rounds: logs vary by {logs.std():.0%}, correlated by "
        f"{', '.join(f'{one:.2f}' for one in correlated)} after 0.2, 1, 2, 4 and 10 s; half width "
        f"{half_width(random, 10):.1%} with 10 blocks, {half_width(random, 30):.1%} with 30"
    )
    print("recorded rounds:  logs vary by 14%, correlated by 0.36, 0.14, 0.11, 0.06, 0.02; 5.8%, 3.1%\n")


def half_width(random: np.random.Generator, blocks: int) -> float:
    """Return the usual half width of the interval of two equal programs."""
    pairs = interleaved(random, 500, blocks)
    _, low, high = paired_intervals(pairs[:, 0], pairs[:, 1])
    return float(np.median(np.log(high / low)) / 2)


def print_gate(plan: Plan, count: int) -> None:
    """Print how often each exit status is given for each ratio, and what it takes."""
    print(
        f"etbench, judged at {', '.join(str(blocks) for blocks, _ in plan)} blocks, {count} pairs per ratio"
    )
    print(f"{'true ratio':>10} {'exit 3':>22} {'exit 4':>22} {'exit 0':>22}  blocks: median, 95 %  in 10 s")
    for ratio in RATIOS:
        pairs = interleaved(np.random.default_rng(1), count, plan[-1][0])
        statuses, blocks = Counter[int](), []
        for base_ms, new_ms in pairs:
            judgement, used = decide(base_ms, ratio * new_ms, plan)
            statuses[STATUS[judgement.decision]] += 1
            blocks.append(used)
        rates = [rate(statuses[status], count) for status in (3, 4, 0)]
        quick = np.mean(np.array(blocks) * 2 * ROUND_S <= 10)
        usual, most = np.percentile(blocks, [50, 95])
        print(f"{ratio:>10.2f} {' '.join(rates)}  {usual:>14.0f}, {most:>4.0f}  {quick:>6.1%}")
    print()


def print_others(blocks: int, count: int) -> None:
    """Print how often other rules call the second program slower, given the same pairs."""
    print(f"called slower by other rules, given {blocks} blocks of the same pairs, 5 samples per round")
    print(f"{'true ratio':>32} " + " ".join(f"{ratio:>22.2f}" for ratio in RATIOS))
    pairs = interleaved(np.random.default_rng(1), count, blocks)
    samples = samples_of(np.random.default_rng(2), pairs)
    base, new = samples[:, 0], samples[:, 1]
    for name, slower in rules().items():
        if slower is None:
            print(f"{name:>32} not installed")
            continue
        found = [rate(int(slower(base, ratio * new).sum()), count) for ratio in RATIOS]
        print(f"{name:>32} {' '.join(found)}")
    print()


def rules() -> dict[str, Callable[[Array, Array], NDArray[np.bool_]] | None]:
    """Return the rules, each a function of samples (pairs, blocks, samples); None if not installed."""
    return {
        "Mann-Whitney on the samples": lambda base, new: u_test(_flat(base), _flat(new)),
        "Google Benchmark's U-test": lambda base, new: u_test(base.mean(axis=2), new.mean(axis=2)),
        "pyperf compare_to": pyperf_rule(),
    }


def _flat(samples: Array) -> Array:
    return samples.reshape(len(samples), -1)


def u_test(base: Array, new: Array) -> NDArray[np.bool_]:
    """Return which pairs are slower by a two-sided Mann-Whitney U test at 5 %; values are (pairs, values).

    The U test of Google Benchmark's compare.py takes the mean time of each repetition.
    """
    p_values: Array = mannwhitneyu(base, new, axis=1, method="asymptotic").pvalue
    return (p_values < 0.05) & (np.median(new, axis=1) > np.median(base, axis=1))


def pyperf_rule() -> Callable[[Array, Array], NDArray[np.bool_]] | None:
    """Return the rule of `pyperf compare_to`, Student's t at 95 % on all values; None if not installed."""
    try:
        from pyperf._utils import is_significant
    except ImportError:
        return None

    def slower(base: Array, new: Array) -> NDArray[np.bool_]:
        pairs = zip(_flat(base).tolist(), _flat(new).tolist(), strict=True)
        return np.array([bool(is_significant(old, now)[0]) and sum(now) > sum(old) for old, now in pairs])

    return slower


def print_family(sweeps: int) -> None:
    """Print how often a sweep of equal programs raises an alarm, judged as a family and cell by cell."""
    random = np.random.default_rng(3)
    together, alone, regressions = 0, 0, 0
    for _ in range(sweeps):
        medians = interleaved(random, 1, SWEEP_BLOCKS, members=2 * CELLS)[0]
        cells = [
            FamilyMember(in_turn_at(base, new), THRESHOLD)
            for base, new in zip(medians[::2], medians[1::2], strict=True)
        ]
        judged = [judgement for _, judgement in judge_family(cells)]
        together += any(one.verdict in ("faster", "slower") for one in judged)
        regressions += any(one.decision == "regression" for one in judged)
        alone += any(judge_family([cell])[0][1].verdict in ("faster", "slower") for cell in cells)
    print(f"{sweeps} sweeps of {CELLS} equal pairs, {SWEEP_BLOCKS} blocks: some cell is")
    print(f"  faster or slower, as one family   {rate(together, sweeps)}")
    print(f"  faster or slower, each cell alone {rate(alone, sweeps)}")
    print(f"  a regression, as one family       {rate(regressions, sweeps)}")


def rate(found: int, count: int) -> str:
    """Write a rate with its 95 % interval (Clopper and Pearson)."""
    low, high = binomtest(found, count).proportion_ci()
    return f"{f'{found / count:.2%} ({low:.2%}-{high:.2%})':>22}"


def real_pairs(count: int) -> None:
    """Measure real pairs for each ratio, and print the decisions."""
    os.environ["PYTHONPATH"] = str(HERE)  # the builder finds slowed.py there
    print_machine()
    with slowed(0) as (cell, plain):
        for ratio in RATIOS:
            rows = 0 if ratio == 1 else rows_for(cell, plain, ratio - 1)
            with slowed(rows) as (_, slower):
                truth = long_ratio(cell, plain, slower)
                print(f"x{ratio:.2f} wanted, truly {truth.ratio:.3f} ({truth.low:.3f} to {truth.high:.3f})")
                print_real(cell, plain, slower, count)


def print_real(cell: Cell, plain: Subject, slower: Subject, count: int) -> None:
    """Measure a pair many times as `compare_to` does, and print how often each exit status is given."""
    statuses, seconds, blocks = Counter[int](), [], []
    for _ in range(count):
        begun = time.monotonic()
        base, new = measured(cell, [plain, slower], together=True, decide=True)
        ratio, judgement = judge_in_turn(
            *in_turn(base.rounds, new.rounds), threshold=THRESHOLD, levels=levels_of(new.looks)
        )
        statuses[STATUS[judgement.decision]] += 1
        seconds.append(time.monotonic() - begun)
        blocks.append(ratio.blocks)
    rates = [f"exit {status} {rate(statuses[status], count).strip()}" for status in (3, 4, 0)]
    usual = f"{np.median(blocks):.0f} blocks, {np.median(seconds):.1f} s (at most {max(seconds):.1f})"
    print(f"  {', '.join(rates)}; {usual}")


if __name__ == "__main__":
    main()
