"""Decide how many rounds a subject gets, and how many samples each, from its rounds so far."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from etbench.config import Repeat
from etbench.measure.protocol import Done, Round
from etbench.stats.tails import TAILS, fewest_samples, tail_bounds

__all__ = ["MIN_SAMPLES", "Progress", "plan_rounds"]

MIN_SAMPLES = 3  # per round, and per cell even if it is very slow
MIN_ROUNDS = 5  # fewer do not show how much rounds differ
CHECK_EVERY = 5  # rounds between two checks of the interval of an adaptive repeat, or of a tail
TAIL_RESERVE = 2  # times the fewest samples, since those of a round are alike

StoppedBy = Literal["rounds", "max_seconds", "target_ci", "max_rounds"]


def plan_rounds(repeat: Repeat, start_s: float, inference_s: float) -> tuple[int, int]:
    """Return how many rounds (five to `repeat.rounds`) of how many samples fit `repeat.rounds_s`.

    For a `repeat.tail`, all rounds are planned, with the samples that it needs.

    Args:
        repeat: the requested repeats.
        start_s: the duration of a round before its first sample: fork, load, warmup.
        inference_s: the duration of a sample.

    >>> repeat = Repeat(runs=50, warmup=5, rounds=30, rounds_s=6, max_seconds=60)
    >>> plan_rounds(repeat, start_s=0.06, inference_s=0.002)
    (30, 3)
    >>> plan_rounds(repeat, start_s=0.3, inference_s=0.05)
    (11, 5)
    >>> plan_rounds(repeat, start_s=5, inference_s=1)
    (5, 10)

    """
    if repeat.tail:
        return repeat.rounds, _samples(repeat, repeat.rounds)
    fewest = min(MIN_ROUNDS, repeat.rounds)
    for rounds in range(repeat.rounds, fewest, -1):
        samples = _samples(repeat, rounds)
        if rounds * (start_s + samples * inference_s) <= repeat.rounds_s:
            return rounds, samples
    return fewest, _samples(repeat, fewest)


def _samples(repeat: Repeat, rounds: int) -> int:
    for_tail = TAIL_RESERVE * fewest_samples(TAILS[repeat.tail]) if repeat.tail else 0
    return max(min(MIN_SAMPLES, repeat.runs), math.ceil(max(repeat.runs, for_tail) / rounds))


@dataclass
class Progress:
    """The rounds of one subject so far, and what remains to be done.

    Args:
        repeat: the requested repeats.
        half_width: returns the half width of the interval that an adaptive repeat narrows, or None while
            there is none; called only between rounds. Without it, as for a baseline, only the number of
            rounds counts.

    """

    repeat: Repeat
    half_width: Callable[[], float | None] | None = None
    rounds: list[Round] = field(default_factory=list)
    spent_s: float = 0.0
    planned: int = 1
    samples: int = 0
    stopped_by: StoppedBy | None = None
    _last_end_s: float = 0.0
    _start_s: float = math.inf  # duration of a round before its first sample

    def __post_init__(self) -> None:
        """Plan the first round, which shows how long a round takes."""
        self.samples = _samples(self.repeat, self.repeat.rounds)

    @property
    def taken(self) -> int:
        """The number of samples so far."""
        return sum(len(round_.samples_ms) for round_ in self.rounds)

    @property
    def inferences_per_sample(self) -> int:
        """How many inferences each sample contains, in all rounds; 0 if the first round is to decide."""
        if self.repeat.tail:
            return 1  # a mean has no tail
        return self.rounds[0].inferences_per_sample if self.rounds else 0

    @property
    def still_needed(self) -> int:
        """The number of samples that are still required, even if no time is left."""
        return max(0, min(MIN_SAMPLES, self.repeat.runs) - self.taken)

    @property
    def left_s(self) -> float:
        """The time left of `max_seconds`."""
        return max(0.0, self.repeat.max_seconds - self.spent_s)

    @property
    def spread_s(self) -> float:
        """The time from the first to the last round, including rounds of other subjects between them."""
        return self._last_end_s - self.rounds[0].started_s if self.rounds else 0.0

    @property
    def round_s(self) -> float:
        """The mean duration of a round."""
        return self.spent_s / len(self.rounds) if self.rounds else 0.0

    def add(self, round_: Round, seconds: float) -> None:
        """Add a round with its total duration, and decide whether it was the last."""
        self._take_in(round_, seconds)
        self.stopped_by = self._decide()

    def restore(self, done: Sequence[Done]) -> None:
        """Add the rounds that another process measured, and decide whether more are needed."""
        for earlier in done:
            self._take_in(earlier.round, earlier.seconds)
        if done:
            self.stopped_by = self._decide()

    def _take_in(self, round_: Round, seconds: float) -> None:
        self.rounds.append(round_)
        self.spent_s += seconds
        self._last_end_s = round_.started_s + seconds
        timed_s = sum(round_.samples_ms) * round_.inferences_per_sample / 1e3
        self._start_s = min(self._start_s, max(0.0, seconds - timed_s))
        if len(self.rounds) == 1:
            inference_s = timed_s / len(round_.samples_ms)
            self.planned, self.samples = plan_rounds(self.repeat, self._start_s, inference_s)

    def _decide(self) -> StoppedBy | None:
        count, target = len(self.rounds), self.repeat.target_ci
        if self.left_s <= self._start_s and not self.still_needed:  # too short even for the warmup
            return "max_seconds"
        enough = count >= self.planned and self.spread_s >= self.repeat.spread_s and self._bounds_tail()
        adaptive = target is not None and self.half_width is not None
        if (adaptive or self.repeat.tail) and count >= self.repeat.max_rounds:
            return "max_rounds"
        if target is None or self.half_width is None:
            return "rounds" if enough else None
        if enough and count % CHECK_EVERY == 0:
            half_width = self.half_width()
            if half_width is not None and half_width <= target:
                return "target_ci"
        return None

    def _bounds_tail(self) -> bool:
        """Return whether the samples bound the percentile of `repeat.tail`, if there is one."""
        if self.repeat.tail is None or len(self.rounds) < self.planned:
            return True
        if len(self.rounds) % CHECK_EVERY:
            return False
        return tail_bounds([taken.samples_ms for taken in self.rounds], TAILS[self.repeat.tail]) is not None
