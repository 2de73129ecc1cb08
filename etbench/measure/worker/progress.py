"""The rounds of one program so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from etbench.config import Repeat
from etbench.measure.protocol import Round
from etbench.measure.worker.plan import MIN_SAMPLES, samples_of

__all__ = ["Progress", "StoppedBy"]

StoppedBy = Literal["rounds", "max_seconds", "target_ci", "max_rounds", "decided", "decide_max_s"]


@dataclass
class Progress:
    """The rounds of one subject so far, with the duration of each, and what its next round does.

    `planned`, `samples`, `left_s` and `stopped_by` are set by its `Team`; the first round shows how long a
    round takes.
    """

    repeat: Repeat
    rounds: list[Round] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    planned: int = 0
    samples: int = 0
    left_s: float = 0.0
    stopped_by: StoppedBy | None = None

    def __post_init__(self) -> None:
        """Plan the first round."""
        self.planned = self.repeat.rounds
        self.samples = samples_of(self.repeat, self.repeat.rounds)
        self.left_s = self.repeat.max_seconds

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
    def spent_s(self) -> float:
        """The duration of all rounds."""
        return sum(self.seconds)

    @property
    def spread_s(self) -> float:
        """The time from the first to the last round, including rounds of other subjects between them."""
        return self.rounds[-1].started_s + self.seconds[-1] - self.rounds[0].started_s if self.rounds else 0.0

    @property
    def round_s(self) -> float:
        """The mean duration of a round."""
        return self.spent_s / len(self.rounds) if self.rounds else 0.0

    @property
    def start_s(self) -> float:
        """The shortest duration of a round before its first sample."""
        times = zip(self.rounds, self.seconds, strict=True)
        starts = (max(0.0, seconds - _timed_s(round_)) for round_, seconds in times)
        return min(starts, default=math.inf)

    @property
    def inference_s(self) -> float:
        """The mean duration of a sample of the first round, with all its inferences."""
        return _timed_s(self.rounds[0]) / len(self.rounds[0].samples_ms)

    def add(self, round_: Round, seconds: float) -> None:
        """Add a round with its total duration."""
        self.rounds.append(round_)
        self.seconds.append(seconds)


def _timed_s(round_: Round) -> float:
    return sum(round_.samples_ms) * round_.inferences_per_sample / 1e3
