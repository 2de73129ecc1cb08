"""What a sample times: the same call each time, or the next token of a text."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import repeat
from typing import Protocol

import torch
from torch import Tensor

from etbench.artifact.decoding import greedy
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


def work_of(method: Executor, inputs: tuple[Tensor, ...], generation: Generation | None) -> Work:
    """Return the work of a program: the same call each time, or with `generation` the decoding of a text."""
    return _Decoding(method, inputs, generation) if generation else _Calls(method, inputs)


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

    def __init__(self, method: Executor, inputs: tuple[Tensor, ...]) -> None:
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


class _Decoding:
    """Greedy decoding: a step is one call and the choice of the next token; the prompt comes first.

    After the requested number of tokens, decoding starts again with the prompt. Further steps without
    `make_ready` repeat the last one.
    """

    def __init__(self, method: Executor, prompt: tuple[Tensor, ...], generation: Generation) -> None:
        self.prefill_ms: list[float] = []
        self.repeats = False
        self._method = method
        self._prompt = prompt
        self._end = generation.prompt_tokens + generation.new_tokens - 1  # the last token is not an input
        self._token = torch.zeros(1, 1, dtype=torch.int64)
        self._position = torch.tensor([self._end])

    def begin(self) -> None:
        self._position.fill_(self._prompt[0].shape[1])
        self._call(*self._prompt)

    def start_over(self) -> None:
        self._position.fill_(self._end)
        self.prefill_ms = []

    def make_ready(self) -> None:
        if int(self._position) >= self._end:
            self.prefill_ms.append(timed_ms(self.begin))

    def step(self) -> None:
        self._position.clamp_(max=self._end - 1)
        self._call(self._token, self._position)
        self._position += 1

    def _call(self, tokens: Tensor, position: Tensor) -> None:
        (logits,) = self._method.call((tokens, position), clone_outputs=False)
        self._token.fill_(greedy(logits))
