"""The work of a language model: the next token of a text."""

from __future__ import annotations

import torch
from torch import Tensor

from etbench.artifact.decoding import greedy
from etbench.config import Generation
from etbench.measure.passes.work import timed_ms
from etbench.runtime.executors import Executor

__all__ = ["Decoding"]


class Decoding:
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
        """Process the prompt."""
        self._position.fill_(self._prompt[0].shape[1])
        self._call(*self._prompt)

    def start_over(self) -> None:
        """Begin the next step with the prompt again."""
        self._position.fill_(self._end)
        self.prefill_ms = []

    def make_ready(self) -> None:
        """Process the prompt again if the text is complete; its time is kept."""
        if int(self._position) >= self._end:
            self.prefill_ms.append(timed_ms(self.begin))

    def step(self) -> None:
        """Process one token and choose the next."""
        self._position.clamp_(max=self._end - 1)
        self._call(self._token, self._position)
        self._position += 1

    def _call(self, tokens: Tensor, position: Tensor) -> None:
        (logits,) = self._method.call((tokens, position), clone_outputs=False)
        self._token.fill_(greedy(logits))
