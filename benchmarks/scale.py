"""A farm of devices, simulated with the costs of a real sweep: where is the bottleneck, and what grows how?

    python benchmarks/scale.py outputs/sample_sweep

Each program is built once, by whichever builder is free, and then measured on every device. A device measures
one cell at a time, and fetches a program before the first cell that needs it. The costs of a program (seconds
to build, bytes, seconds to measure) are drawn, with replacement, from the XNNPACK cells of the sweep.
"""

from __future__ import annotations

import argparse
import heapq
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from etbench.results.files.store import read_results

SEED = 0
HOUR = 3600


@dataclass(frozen=True)
class Cost:
    """The costs of one program: seconds, and bytes of the program and of its result file."""

    build_s: float
    measure_s: float
    pte_bytes: int
    result_bytes: int


@dataclass(frozen=True)
class Farm:
    """The number of builders, and the bytes per second that each device receives."""

    builders: int
    bandwidth: float


@dataclass(frozen=True)
class Outcome:
    """Seconds until the end, and the share of them in which builders build and devices fetch and measure."""

    seconds: float
    building: float
    fetching: float
    measuring: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("sweep", type=Path)
    parser.add_argument("--devices", type=int, default=100)
    parser.add_argument("--cells", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--builders", type=int, nargs="*", default=[2, 8, 32])
    parser.add_argument(
        "--megabytes", type=float, nargs="*", default=[10, 100], help="megabytes per second to each device"
    )
    args = parser.parse_args()
    costs = read_costs(args.sweep)
    print(
        f"{len(costs)} programs of {args.sweep}: on the average {mean(cost.build_s for cost in costs):.0f} s "
        f"of build, {mean(cost.measure_s for cost in costs):.1f} s of measuring, "
        f"{mean(cost.pte_bytes for cost in costs) / 1e6:.0f} MB; {args.devices} devices\n"
    )
    heads = ("cells", "programs", "programs GB", "results GB", "MB/s", "builders", "hours", "builders busy")
    print(f"| {' | '.join((*heads, 'devices fetch', 'devices measure'))} |\n|{'--:|' * (len(heads) + 2)}")
    for cells in args.cells:
        programs = drawn(costs, cells // args.devices)
        results = sum(cost.result_bytes for cost in programs) * args.devices
        kept = sum(cost.pte_bytes for cost in programs)
        for megabytes, builders in itertools.product(args.megabytes, args.builders):
            done = simulated(programs, Farm(builders, megabytes * 1e6))
            print(
                f"| {cells:,} | {len(programs):,} | {kept / 1e9:,.0f} | {results / 1e9:.1f} | {megabytes:g} "
                f"| {builders} | {done.seconds / HOUR:.1f} | {done.building:.0%} | {done.fetching:.0%} "
                f"| {done.measuring:.0%} |"
            )


def read_costs(sweep: Path) -> list[Cost]:
    """Return the cost of each measured XNNPACK cell of a sweep."""
    return [
        Cost(
            build_s=sum(result.artifact.build_s.values()),
            measure_s=sum(
                result.stage_s.get(stage, 0.0) for stage in ("start_runtime", "parity", "inspect", "time")
            ),
            pte_bytes=result.artifact.pte_bytes,
            result_bytes=path.stat().st_size,
        )
        for path, result in read_results([sweep])[0]
        if result.status == "ok" and result.delegate == "xnnpack" and result.artifact
    ]


def drawn(costs: Sequence[Cost], count: int) -> list[Cost]:
    """Return the costs of that many programs, the longest build first, as etbench builds them."""
    chosen = random.Random(SEED).choices(costs, k=count)
    return sorted(chosen, key=lambda cost: -cost.build_s)


def simulated(programs: Sequence[Cost], farm: Farm) -> Outcome:
    """Run the farm: builders take programs in order, devices measure them in the order they were built."""
    free = [0.0] * farm.builders
    built: list[tuple[float, Cost]] = []
    for cost in programs:
        end = heapq.heappop(free) + cost.build_s
        heapq.heappush(free, end)
        built.append((end, cost))
    built.sort(key=lambda one: one[0])
    # Every device runs the same cells in the same order, so one of them represents all.
    now = 0.0
    for ready, cost in built:
        now = max(now, ready) + cost.pte_bytes / farm.bandwidth + cost.measure_s
    return Outcome(
        seconds=now,
        building=sum(cost.build_s for cost in programs) / (farm.builders * now),
        fetching=sum(cost.pte_bytes for cost in programs) / farm.bandwidth / now,
        measuring=sum(cost.measure_s for cost in programs) / now,
    )


if __name__ == "__main__":
    main()
