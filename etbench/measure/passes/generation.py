"""The check of a language model: compare its tokens with those that the eager model wrote."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import torch
from torch import Tensor

from etbench.artifact.decoding import decode
from etbench.runtime.executors import Executor
from etbench.stats.parity import Parity, compare_outputs

__all__ = ["compare_generated"]

REPEATED = "the eager model repeats a single token, so equal tokens are a weak check"


def compare_generated(
    method: Executor, prompts: Sequence[tuple[Tensor, ...]], references: Sequence[Tensor]
) -> Parity:
    """Decode each prompt twice: with the reference's tokens to compare logits, then freely for tokens.

    Args:
        method: the program.
        prompts: the inputs of its first call.
        references: the eager model's logits for each prompt, (tokens, vocabulary); its tokens are their
            argmax.

    """

    def call(given: tuple[Tensor, ...]) -> Tensor:
        logits: Tensor = method.call(given, clone_outputs=False)[0]
        return logits

    forced, equal, written = [], 0, [reference.argmax(1) for reference in references]
    for prompt, tokens in zip(prompts, written, strict=True):
        forced.append(decode(call, prompt, len(tokens), forced=tokens.tolist()))
        equal += int((decode(call, prompt, len(tokens)).argmax(1) == tokens).sum())
    parity = compare_outputs(
        [torch.cat(list(references)).numpy()], [torch.cat(forced).numpy()], logits_axis=1
    )
    return msgspec.structs.replace(
        parity,
        token_agreement=equal / sum(map(len, written)),
        note=parity.note or (REPEATED if all(len(set(tokens.tolist())) == 1 for tokens in written) else ""),
    )
