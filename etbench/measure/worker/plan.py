"""Plan the rounds of a program and its baseline, and the samples in each of them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from etbench.config import Repeat
from etbench.stats.looks import blocks_needed, first_look
from etbench.stats.tails import TAILS, fewest_samples
from etbench.stats.verdict import Levels

__all__ = ["MIN_SAMPLES", "Plan", "plan_decision", "plan_rounds", "samples_of"]

MIN_SAMPLES = 3  # per round, and per cell even if it is very slow
FILLED = 0.9  # share of `max_seconds` that is planned, since rounds vary
TAIL_RESERVE = 2  # times the fewest samples of a tail, since those of a round are alike


@dataclass(frozen=True)
class Plan:
    """How many rounds of how many samples; `most` is the number of rounds for which there is time.

    `note` explains why there will be too few of them for a decision; empty if there are enough.
    """

    rounds: int
    samples: int
    most: float = math.inf
    note: str = ""


def plan_rounds(repeat: Repeat, start_s: float, inference_s: float) -> Plan:
    """Return how many rounds (`repeat.min_rounds` to `repeat.rounds`) of how many samples fit `rounds_s`.

    For a `repeat.tail`, all rounds are planned, with the samples that it needs.

    Args:
        repeat: the requested repeats.
        start_s: the duration of a round before its first sample: fork, load, warmup.
        inference_s: the duration of a sample.

    >>> repeat = Repeat(runs=50, warmup=5, rounds=30, rounds_s=6, max_seconds=60)
    >>> plan_rounds(repeat, start_s=0.06, inference_s=0.002)
    Plan(rounds=30, samples=3, most=inf, note='')
    >>> plan = plan_rounds(repeat, start_s=0.3, inference_s=0.05)
    >>> plan.rounds, plan.samples
    (10, 5)
    >>> plan = plan_rounds(repeat, start_s=5, inference_s=1)
    >>> plan.rounds, plan.samples
    (5, 10)

    """
    if repeat.tail:
        return Plan(repeat.rounds, samples_of(repeat, repeat.rounds))
    fewest = min(repeat.min_rounds, repeat.rounds)
    for rounds in range(repeat.rounds, fewest, -1):
        samples = samples_of(repeat, rounds)
        if rounds * (start_s + samples * inference_s) <= repeat.rounds_s:
            return Plan(rounds, samples)
    return Plan(fewest, samples_of(repeat, fewest))


def plan_decision(repeat: Repeat, start_s: float, inference_s: float, *, family: int) -> Plan:
    """Return the plan of `plan_rounds` with at least the blocks in which a regression can be seen.

    If these would take longer than `repeat.max_seconds`, the samples of each round are cut first, down to
    one. If they take longer even so, there are as many as fit, or those of `plan_rounds` if nothing can be
    decided with so few.

    Args:
        repeat: the requested repeats.
        start_s: the mean duration of a round of the two programs before its first sample.
        inference_s: the mean duration of a sample of the two.
        family: how many cells are compared at once.

    """
    plan = plan_rounds(repeat, start_s, inference_s)

    def fitting(samples: int) -> int:
        each_s = 2 * (start_s + samples * inference_s)  # a block has a round of each of the two
        return min(int(FILLED * repeat.max_seconds / each_s), repeat.max_rounds)

    for limit in range(plan.samples, 0, -1):
        first = first_look(plan.rounds, family=family, most=fitting(limit))
        if first <= fitting(limit):
            samples = min(limit, samples_of(repeat, first))
            return Plan(first, samples, fitting(samples))
    needed, fits = first_look(1, family=family, most=1), fitting(1)
    note = _too_slow(repeat, 2 * (start_s + inference_s), needed, fits)
    if fits < blocks_needed(Levels().passed):
        return Plan(plan.rounds, plan.samples, plan.rounds, note)
    return Plan(fits, 1, fits, note)


def _too_slow(repeat: Repeat, block_s: float, needed: int, fits: int) -> str:
    if repeat.max_rounds < needed:
        return f"no regression can be seen: this needs {needed} blocks: repeat.max_rounds={needed}"
    enough = math.ceil(needed * block_s / FILLED)
    return (
        f"no regression can be seen: this needs {needed} blocks, about {fits} fit in "
        f"repeat.max_seconds={repeat.max_seconds:g}; repeat.max_seconds={enough} would be enough"
    )


def samples_of(repeat: Repeat, rounds: int) -> int:
    """Return the samples of each of so many rounds."""
    for_tail = TAIL_RESERVE * fewest_samples(TAILS[repeat.tail]) if repeat.tail else 0
    return max(min(MIN_SAMPLES, repeat.runs), math.ceil(max(repeat.runs, for_tail) / rounds))
