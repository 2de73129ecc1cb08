"""Token ids without a network.

The vocabulary of a published tokenizer must be downloaded; a model with random weights does not
need it, since its embeddings have no meaning. A byte-level BPE of real subwords is trained on the
bundled sentences instead: same lengths, same special tokens, same repetition of frequent words.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from torch import Tensor

from etbench.data import sentences

__all__ = ["offline_ids", "offline_tokenizer"]

VOCABULARY = 1_000

Tokenize = Callable[[Sequence[str]], tuple[Tensor, Tensor]]


def offline_tokenizer(
    *,
    seq_len: int,
    pad: int,
    begin: int | None = None,
    end: int | None = None,
    first_id: int = 0,
    vocabulary: int = VOCABULARY,
) -> Tokenize:
    """Return a function from sentences to ids and mask, both int64 of shape (len(sentences), seq_len).

    Args:
        seq_len: length of the sequences, the special tokens included.
        pad: id that fills short sentences; the mask is 0 there.
        begin: id before each sentence, if the model has one.
        end: id after each sentence, also if it was cut, if the model has one.
        first_id: added to the subword ids, so that they do not overlap with the special ones.
        vocabulary: maximum number of subwords, of which 256 are bytes.

    """
    bpe = _trained(vocabulary)
    before = [] if begin is None else [begin]
    after = [] if end is None else [end]
    room = seq_len - len(before) - len(after)

    def tokenize(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        rows, masks = [], []
        for text in texts:
            words = [first_id + number for number in bpe.encode(text).ids[:room]]
            ids = [*before, *words, *after]
            padding = seq_len - len(ids)
            rows.append(ids + [pad] * padding)
            masks.append([1] * len(ids) + [0] * padding)
        return torch.tensor(rows, dtype=torch.int64), torch.tensor(masks, dtype=torch.int64)

    return tokenize


def offline_ids(text: str, vocabulary: int) -> list[int]:
    """Return the ids of a text, without special ones, for a model with so many tokens; 256 at least."""
    ids: list[int] = _trained(min(vocabulary, VOCABULARY)).encode(text).ids
    return ids


def _trained(vocabulary: int) -> Tokenizer:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=vocabulary, show_progress=False, initial_alphabet=alphabet)
    bpe.train_from_iterator(sentences(None), trainer)
    return bpe
