"""What a sample times: the same call each time, or the next token of a text."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import repeat
from typing import Any, Protocol

from etbench.config import Generation
from etbench.runtime.executors import Executor

__all__ = ["Work", "timed_ms", "work_of"]


class Work(Protocol):
    """A loaded program and the inference that is repeated with it."""

    prefill_ms: list[float]
    repeats: bool  # whether several steps in a row are as many times the same

    def begin(self) -> None:
        """Run the first inference of a process."""

    def start_over(self) -> None:
        """Discard the state of the warmup."""

    def make_ready(self) -> None:
        """Prepare the next step; this does not belong to its time."""

    def step(self) -> None:
        """Run one inference."""


def work_of(method: Executor, inputs: tuple[Any, ...], generation: Generation | None) -> Work:
    """Return the work of a program: the same call each time, or with `generation` the decoding of a text."""
    if generation is None:
        return _Calls(method, inputs)
    from etbench.measure.passes.decoding import Decoding  # imports torch

    return Decoding(method, inputs, generation)


def timed_ms(work: Callable[[], None], times: int = 1) -> float:
    """Return the mean duration of the work in ms, over so many times in a row."""
    if times == 1:
        start = time.perf_counter_ns()
        work()
        return (time.perf_counter_ns() - start) / 1e6
    all_of_them = repeat(None, times)  # like timeit, which adds some 20 ns each
    start = time.perf_counter_ns()
    for _ in all_of_them:
        work()
    return (time.perf_counter_ns() - start) / 1e6 / times


class _Calls:
    """The same call each time, as a caller sees it: inputs set, method executed, outputs not copied.

    Before each call the outputs of the last one are fetched again. An inference of some ms evicts the code of
    the binding from the CPU's caches, which would slow down the next one: by 1 to 2 % of 3 ms, which is not a
    property of the program (`benchmarks/timer.py`).
    """

    def __init__(self, method: Executor, inputs: tuple[Any, ...]) -> None:
        self.prefill_ms: list[float] = []
        self.repeats = True
        self._method = method
        self._inputs = inputs

    def begin(self) -> None:
        self.step()

    def start_over(self) -> None:
        pass

    def make_ready(self) -> None:
        self._method.get_outputs(clone_outputs=False)

    def step(self) -> None:
        self._method.call(self._inputs, clone_outputs=False)
