"""What a sample is the time of: the same call each time, or the next token of a text."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

import torch
from torch import Tensor

from etbench.artifact.decoding import greedy
from etbench.config import Generation
from etbench.runtime.executors import Executor

__all__ = ["Work", "timed_ms", "work_of"]


class Work(Protocol):
    """A loaded program and what it is asked for, again and again."""

    prefill_ms: list[float]

    def begin(self) -> None:
        """Do what comes first, as the first inference of a process."""

    def start_over(self) -> None:
        """Forget what was done to warm up."""

    def make_ready(self) -> None:
        """Do what must go before the next step and is no part of it."""

    def step(self) -> None:
        """Do one inference."""


def work_of(method: Executor, inputs: tuple[Tensor, ...], generation: Generation | None) -> Work:
    """Return what the program does: one call is an inference, or one of many that a text is made of."""
    return _Decoding(method, inputs, generation) if generation else _Calls(method, inputs)


def timed_ms(work: Callable[[], None]) -> float:
    """Return how many ms it takes."""
    start = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - start) / 1e6


class _Calls:
    """The same call each time, as a caller sees it: inputs set, method executed, outputs not copied.

    Before each one the outputs of the last are fetched once more. An inference of some ms drives the code of
    the binding out of the CPU's caches, which the next would pay for: 1 to 2 % of 3 ms, and no property of
    the program (`benchmarks/timer.py`).
    """

    def __init__(self, method: Executor, inputs: tuple[Tensor, ...]) -> None:
        self.prefill_ms: list[float] = []
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
    """Greedy decoding: a step is one call and the choice of the next token; a prompt goes before the first.

    After as many tokens as are wanted the prompt begins again. A step beyond them, where nobody calls
    `make_ready`, repeats the last one.
    """

    def __init__(self, method: Executor, prompt: tuple[Tensor, ...], generation: Generation) -> None:
        self.prefill_ms: list[float] = []
        self._method = method
        self._prompt = prompt
        self._end = generation.prompt_tokens + generation.new_tokens - 1  # the last token is not called with
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
