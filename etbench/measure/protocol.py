"""How rounds are laid out, and what a measurement is; pure values, no torch."""

from __future__ import annotations

import math

from msgspec import Struct

from etbench.config import Repeat
from etbench.stats.parity import Parity

__all__ = ["CheckPass", "MeasureRequest", "Measurement", "Memory", "Round", "plan_rounds"]

MIN_SAMPLES = 3


class MeasureRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the measuring process is asked for."""

    folder: str
    repeat: Repeat
    threads: int
    logits_axis: int | None


class Round(Struct, frozen=True, kw_only=True):
    """What one fresh process measured; times in ms.

    `load_ms` covers the program and its method, the delegate's packing of weights included;
    `first_inference_ms` is the first inference after it, which is also the first of the warmup.
    """

    samples_ms: list[float]
    load_ms: float
    first_inference_ms: float
    warmup: int


class Memory(Struct, frozen=True, kw_only=True):
    """Resident memory of a process that loads the program and runs it once, in bytes.

    `peak_over_baseline_bytes` leaves out what the interpreter and its libraries took before.
    """

    baseline_bytes: int
    peak_bytes: int
    peak_over_baseline_bytes: int


class CheckPass(Struct, frozen=True, kw_only=True):
    """The first process: parity and memory, nothing timed."""

    parity: Parity
    memory: Memory
    threads: int


class Measurement(Struct, frozen=True, kw_only=True):
    """All rounds of a cell, and the pass before them."""

    check: CheckPass
    rounds: list[Round]
    truncated: bool
    stage_s: dict[str, float]


def plan_rounds(repeat: Repeat) -> list[int]:
    """Return how many samples each round takes: `runs` in all, at least three in each where there are.

    >>> plan_rounds(Repeat(runs=10, warmup=3, rounds=5, max_seconds=60))
    [4, 3, 3]
    """
    rounds = max(1, min(repeat.rounds, repeat.runs // MIN_SAMPLES))
    share, rest = divmod(repeat.runs, rounds)
    return [share + (number < rest) for number in range(rounds)]


def samples_needed(taken: int, planned: int) -> int:
    """Return how many samples must still be taken when the time is up."""
    return max(0, min(MIN_SAMPLES, planned) - taken)


def warmup_budget_s(repeat: Repeat) -> float:
    """Return for how long a round may warm up; a slow model is warm after its first inference."""
    return repeat.max_seconds / 4


def seconds_text(seconds: float) -> str:
    """Write a duration with the precision a reader wants.

    >>> [seconds_text(value) for value in (0.0042, 1.34, 42.6, 700)]
    ['4.2 ms', '1.3 s', '43 s', '11 min 40 s']
    """
    if seconds < 1:
        return f"{seconds * 1e3:.3g} ms"
    if seconds < 120:
        return f"{seconds:.2g} s" if seconds < 100 else f"{seconds:.0f} s"
    minutes, rest = divmod(math.ceil(seconds), 60)
    return f"{minutes} min {rest} s"
