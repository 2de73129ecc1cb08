"""The native runner compared with Python: the same latency, less memory, an earlier first result?

    python benchmarks/native.py

Both runners time each program interleaved, block by block, as in a comparison. Peak memory and cold start are
measured in processes that do nothing else, interleaved as well.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TypeVar

import msgspec
from common import built, measured, print_machine

from etbench.config import Cell
from etbench.measure import Subject
from etbench.measure.pass_results import Memory, OneLoad
from etbench.measure.protocol import in_turn
from etbench.measure.worker.round_process import in_native, in_spawned
from etbench.measure.worker.supervision import Supervision
from etbench.measure.worker.tasks import LoadTask, MemoryTask, Task
from etbench.native import compile_runner
from etbench.preflight.compose import compose
from etbench.stats.paired import paired_ratio

CELLS = (
    ("model=mobilenet_v2", "precision=int8"),
    ("model=distilbert", "precision=int8"),
)
MIB = 2**20
Answer = TypeVar("Answer", bound=msgspec.Struct)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=300, help="blocks of one round each")
    parser.add_argument("--samples", type=int, default=5, help="inferences per round")
    parser.add_argument("--processes", type=int, default=10, help="for memory and cold start")
    parser.add_argument("--cell", nargs="*", help="overrides of another cell")
    args = parser.parse_args()
    print_machine()
    with tempfile.TemporaryDirectory(prefix="etbench-") as name:
        folder = Path(name)
        begun = time.perf_counter()
        compilers = compose(["runner=native"]).runner.compilers
        runner = compile_runner(folder, compilers, scratch=folder, log=folder / "log", on_wait=lambda: None)
        print(f"compiled in {time.perf_counter() - begun:.1f} s")
        for overrides in [args.cell] if args.cell else CELLS:
            with built(*overrides) as (cell, subject):
                print(f"\n{cell.model.name} {cell.precision.name}, {subject.threads} threads")
                _print_latency(cell, subject, str(runner), args.rounds, args.samples)
                _print_memory(subject, str(runner), args.processes)
                _print_start(subject, str(runner), args.processes)


def _print_latency(cell: Cell, subject: Subject, runner: str, rounds: int, samples: int) -> None:
    limits = {"rounds": rounds, "runs": rounds * samples, "rounds_s": 3600.0, "max_seconds": 3600.0}
    repeat = msgspec.structs.replace(subject.repeat, **limits)
    python = msgspec.structs.replace(subject, repeat=repeat)
    native = msgspec.structs.replace(python, runner=runner)
    sides = measured(cell, [python, native], together=True)
    medians = in_turn(*(side.rounds for side in sides))
    ratio = paired_ratio(*medians)
    print(
        f"  p50: Python {median(medians[0]):.3f} ms, native {median(medians[1]):.3f} ms; ratio "
        f"{ratio.ratio:.4f}, 95 % from {ratio.low:.4f} to {ratio.high:.4f} ({ratio.blocks} blocks)"
    )
    print(f"  the same outputs: {sides[0].check.parity == sides[1].check.parity}")


def _print_memory(subject: Subject, runner: str, processes: int) -> None:
    task = MemoryTask(folder=subject.folder, threads=_threads(subject))
    for name, run in _both(runner, task, Memory).items():
        found = [run() for _ in range(processes)]
        peak, over = (
            median(getattr(one, field) for one in found)
            for field in ("peak_bytes", "peak_over_baseline_bytes")
        )
        print(
            f"  peak memory, {name}: {peak / MIB:.1f} MiB ({peak / 1e6:.1f} MB), "
            f"{over / MIB:.1f} MiB of it from the load on"
        )


def _print_start(subject: Subject, runner: str, processes: int) -> None:
    """Print the time from the start of the process to its first result, the program not in memory."""
    runs = _both(runner, LoadTask(folder=subject.folder, threads=_threads(subject), cold=True), OneLoad)
    took: dict[str, list[float]] = {name: [] for name in runs}
    own = []
    for _ in range(processes):
        for name, run in runs.items():
            begun = time.perf_counter()
            loaded = run()
            took[name].append((time.perf_counter() - begun) * 1e3)
            own += [loaded.start_to_first_ms] if loaded.start_to_first_ms else []
    each = ", ".join(f"{name} {median(times):.0f} ms" for name, times in took.items())
    print(f"  cold start to first inference, its process begun and ended: {each}")
    print(f"  of the native runner, by its own clock: {median(own):.1f} ms")


def _threads(subject: Subject) -> int:
    assert subject.threads is not None, "`built` sets it"
    return subject.threads


def _both(runner: str, task: Task, answer: type[Answer]) -> dict[str, Callable[[], Answer]]:
    """Return functions that run the task in a fresh process of Python and of the native runner."""
    quiet = Supervision("inspect", lambda _: None, lambda _: None, log="/dev/null")
    return {
        "Python": lambda: in_spawned(task, answer, quiet),
        "native": lambda: in_native(task, answer, quiet, runner=runner),
    }


if __name__ == "__main__":
    main()
