"""How well a language model predicts a text."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from etbench.artifact.decoding import decode
from etbench.config.model_data import saved_weights
from etbench.data import sentences
from etbench.errors import EtbenchError
from etbench.evaluate.items import PerItem
from etbench.evaluate.program import BuiltProgram

__all__ = ["perplexity"]


def perplexity(
    program: BuiltProgram,
    *,
    text: str | None = None,
    tokenizer: str | None = None,
    model_id: str | None = None,
    model_weights: str | None = None,
) -> dict[str, float | PerItem]:
    """Return the perplexity of a text, and which tokens the model predicts as the most likely ones.

    The text is cut into windows of as many tokens as the program takes; what remains is left out. A program
    with a cache reads its prompt and then one token after another, and all tokens after the prompt count; a
    program without one reads a window at once, and all tokens but the first of it count.

    Args:
        program: takes tokens, and perhaps a mask, of shape (batch, length), and returns logits of shape
            (batch, length, vocabulary); or the program of a `causal_lm`.
        text: a file in UTF-8; None for the bundled sentences.
        tokenizer: a folder or a name on the hub; None for the one that belongs to the model's weights, or for
            random weights one that is trained on the bundled sentences.
        model_id: of the model, see there.
        model_weights: of the model, see there.

    Raises:
        EtbenchError: of stage ``evaluate`` for a program of another kind, a text that is too short, and a
            tokenizer that is not available or has more tokens than the model.

    """
    windows = _windows(program, text, tokenizer or _beside(model_id, model_weights))
    logits, targets = map(torch.cat, zip(*_predictions(program, windows), strict=True))
    right = logits.argmax(dim=1) == targets
    return {
        "perplexity": float(torch.exp(cross_entropy(logits, targets))),
        "next_token": PerItem(right.numpy(), targets.numpy()),
    }


def _beside(model_id: str | None, weights: str | None) -> str | None:
    """Return where the tokenizer of the weights is, or None for random ones."""
    from etbench.models.hub import source_of  # imports the tokenizers, which other functions do not need

    weights = weights or saved_weights({"id": model_id})
    if weights == "random":
        return None
    if weights == "pretrained" or Path(weights).is_dir():
        return source_of(str(model_id), weights)
    raise EtbenchError(
        f"it is not known which tokenizer belongs to {weights}",
        stage="evaluate",
        hint="give it: evaluate.tokenizer=<a folder, or a name on the hub>",
    )


def _windows(program: BuiltProgram, text: str | None, tokenizer: str | None) -> Tensor:
    """Return the text as int64 of shape (windows, length)."""
    shape, generation = program.shapes[0], program.generation
    if len(shape) != 2 or program.example[0].is_floating_point():
        raise EtbenchError(
            f"the program takes {program.example[0].dtype} of shape {shape}; perplexity needs tokens of "
            "shape (batch, length)",
            stage="evaluate",
        )
    length = generation.max_tokens if generation else shape[1]
    lines = sentences(Path(text) if text else None)
    vocabulary = _call(program, tuple(program.example)).shape[-1]
    tokens = _tokens(" ".join(lines), tokenizer, vocabulary)
    count = len(tokens) // length
    if length < 2 or not count:
        raise EtbenchError(
            f"the text has {len(tokens)} tokens; a window has {length}",
            stage="evaluate",
            hint="give a longer text (evaluate.text), or measure a model with a shorter one "
            "(model.seq_len, model.max_tokens)",
        )
    if max(tokens) >= vocabulary:
        raise EtbenchError(
            f"the tokenizer gives the token {max(tokens)}, but the model has {vocabulary} tokens",
            stage="evaluate",
            hint="give the tokenizer of the model: evaluate.tokenizer=<a folder, or a name on the hub>",
        )
    return torch.tensor(tokens[: count * length]).reshape(count, length)


def _tokens(text: str, source: str | None, vocabulary: int) -> list[int]:
    from etbench.models.hub import import_transformers
    from etbench.models.tokens import offline_ids
    from etbench.models.weights import unreachable

    if source is None:
        return offline_ids(text, vocabulary)
    transformers = import_transformers()
    try:
        ids: list[int] = transformers.AutoTokenizer.from_pretrained(source)(text)["input_ids"]
    except Exception as error:
        failure = unreachable(f"the tokenizer of {source}", error)
        hint = "give it: evaluate.tokenizer=<a folder, or a name on the hub>"
        raise EtbenchError(failure.message, stage="evaluate", hint=hint) from error
    return ids


def _predictions(program: BuiltProgram, windows: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield logits of shape (tokens, vocabulary) and the tokens that follow in the text."""
    if program.generation:
        prompt = program.generation.prompt_tokens
        for window in windows:
            start = (window[None, :prompt], torch.zeros(1, dtype=torch.int64))
            forced = window[prompt:].tolist()
            yield decode(lambda given: _call(program, given), start, len(forced), forced), window[prompt:]
        return
    batch = program.shapes[0][0]
    for first in range(0, len(windows), batch):
        rows = windows[first : first + batch]
        filled = torch.cat([rows, rows[-1:].expand(batch - len(rows), -1)])
        mask = [torch.ones_like(filled)] * (len(program.shapes) - 1)
        logits = _call(program, (filled, *mask))
        if logits.ndim != 3:
            raise EtbenchError(
                f"the first output has the shape {tuple(logits.shape)}; perplexity needs logits of shape "
                "(batch, length, vocabulary)",
                stage="evaluate",
            )
        for row, found in zip(rows, logits, strict=False):
            yield found[:-1], row[1:]


def _call(program: BuiltProgram, given: tuple[Tensor, ...]) -> Tensor:
    return torch.from_numpy(np.array(program(*(tensor.numpy() for tensor in given))[0]))
