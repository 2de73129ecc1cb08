"""The time of a program at further sizes of its inputs."""

from __future__ import annotations

import math

from etbench.measure.pass_results import SizeLatency
from etbench.measure.protocol import Round, Subject
from etbench.measure.worker.inspection import RunTask
from etbench.measure.worker.tasks import RoundTask
from etbench.stats import summarize

__all__ = ["time_sizes"]

ROUNDS = 5  # of each size: the fewest that have an interval


def time_sizes(asked: Subject, threads: int, run: RunTask) -> list[SizeLatency]:
    """Time the sizes interleaved, each round in a fresh process, and in the reverse order every other time.

    A size takes as long as the rounds of a cell may: `repeat.rounds_s` in all, and one sample of each round.

    Args:
        asked: the program, how often it is run, and the sizes.
        threads: the size of the runtime's thread pool.
        run: runs a task in a fresh process.

    Raises:
        EtbenchError: if the runtime refuses the program, or with how a process died.

    """
    repeat, sizes = asked.repeat, asked.timed_sizes
    count = min(ROUNDS, repeat.rounds)
    rounds: dict[int, list[list[float]]] = {size.reference: [] for size in sizes}
    for number in range(count):
        for size in sizes[:: -1 if number % 2 else 1]:
            task = RoundTask(
                folder=asked.folder,
                threads=threads,
                reference=size.reference,
                samples=math.ceil(repeat.runs / count),
                at_least=1,
                warmup=repeat.warmup,
                time_left_s=repeat.rounds_s / count,
            )
            rounds[size.reference].append(run(task, Round).samples_ms)
    return [
        SizeLatency(
            inputs=size.inputs,
            latency_ms=summarize(rounds[size.reference]),
            rounds=rounds[size.reference],
        )
        for size in sizes
    ]
