"""The perplexity of a text, against the loss that transformers computes for the same windows."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from running import CONF
from torch import nn

from etbench.config import Generation
from etbench.errors import ConfigError, EtbenchError
from etbench.evaluate import BuiltProgram, perplexity
from etbench.models.decoder import causal_lm
from etbench.models.hub import import_transformers
from etbench.models.tokens import offline_ids
from etbench.preflight.command_line import check_command_line

VOCABULARY, LENGTH = 1_000, 16
TEXT = "Alice was beginning to get very tired of sitting by her sister on the bank. " * 6


class Eager:
    """A module in the place of a program."""

    def __init__(self, module: nn.Module) -> None:
        self.module = module

    def call(self, inputs: list[torch.Tensor], *, clone_outputs: bool) -> list[torch.Tensor]:
        with torch.no_grad():
            return [self.module(*inputs)]


class Whole(nn.Module):
    """Logits of all positions."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, tokens: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.model(input_ids=tokens, attention_mask=mask, use_cache=False).logits


@pytest.fixture(scope="module")
def gpt2() -> Any:
    transformers = import_transformers()
    torch.manual_seed(0)
    config = transformers.GPT2Config(vocab_size=VOCABULARY, n_positions=LENGTH, n_embd=8, n_layer=1, n_head=2)
    return transformers.GPT2LMHeadModel(config).eval()


@pytest.fixture
def text(tmp_path: Path) -> str:
    file = tmp_path / "text.txt"
    file.write_text(TEXT)
    return str(file)


def _windows() -> torch.Tensor:
    ids = offline_ids(TEXT.strip(), VOCABULARY)
    return torch.tensor(ids[: len(ids) // LENGTH * LENGTH]).reshape(-1, LENGTH)


@pytest.mark.parametrize("batch", [1, 4])
def test_a_program_without_a_cache_has_the_loss_of_its_model(batch: int, gpt2: Any, text: str) -> None:
    windows = _windows()
    assert len(windows) % 4, "the last batch is filled up"
    with torch.no_grad():
        losses = [float(gpt2(input_ids=row[None], labels=row[None]).loss) for row in windows]
    example = [torch.zeros(batch, LENGTH, dtype=torch.int64)] * 2
    found = perplexity(BuiltProgram(Eager(Whole(gpt2)), example), text=text)
    assert found["perplexity"] == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert len(found["next_token"].correct) == windows.numel() - len(windows)


def test_a_program_with_a_cache_is_judged_after_its_prompt(text: str) -> None:
    lengths = Generation(prompt_tokens=4, new_tokens=2, max_tokens=LENGTH)
    tiny = {"hidden_size": 16, "intermediate_size": 16, "num_attention_heads": 2, "vocab_size": VOCABULARY}
    tiny |= {"num_hidden_layers": 1, "num_key_value_heads": 2, "head_dim": 8}
    loaded = causal_lm(
        id="llama",
        task="generate",
        weights="random",
        seed=0,
        prompt_tokens=4,
        new_tokens=2,
        max_tokens=LENGTH,
        config=tiny,
    )
    example = [torch.zeros(1, 4, dtype=torch.int64), torch.zeros(1, dtype=torch.int64)]
    program = BuiltProgram(Eager(loaded.module), example, generation=lengths)
    found = perplexity(program, text=text)
    model: Any = loaded.module.model
    windows, losses, right = _windows(), [], []
    with torch.no_grad():
        for row in windows:
            logits = model(input_ids=row[None], use_cache=False).logits[0]
            losses.append(float(nn.functional.cross_entropy(logits[3:-1], row[4:])))
            right += (logits[3:-1].argmax(1) == row[4:]).tolist()
    assert found["perplexity"] == pytest.approx(math.exp(sum(losses) / len(losses)), rel=1e-4)
    assert found["next_token"].correct.tolist() == right


def test_what_cannot_be_judged_is_refused_with_what_to_do(text: str) -> None:
    def program(length: int, vocabulary: int) -> BuiltProgram:
        module = nn.Embedding(VOCABULARY, vocabulary)  # whose rows are the logits
        return BuiltProgram(Eager(module), [torch.zeros(1, length, dtype=torch.int64)])

    with pytest.raises(EtbenchError, match=r"the text has \d+ tokens; a window has 4000"):
        perplexity(program(4_000, 300), text=text)
    with pytest.raises(EtbenchError, match="the model has 5 tokens"):
        perplexity(program(LENGTH, 5), text=text)
    with pytest.raises(EtbenchError, match="not known which tokenizer belongs to") as caught:
        perplexity(program(LENGTH, 300), text=text, model_id="gpt2", model_weights="w.pt")
    assert "evaluate.tokenizer=" in caught.value.hint
    with pytest.raises(EtbenchError, match="needs tokens of shape"):
        perplexity(BuiltProgram(Eager(nn.Identity()), [torch.zeros(1, 4)]), text=text)


def test_a_text_that_does_not_exist_is_refused_before_the_build() -> None:
    command = ["--config-dir", str(CONF), "model=tiny_decoder", "evaluate=perplexity"]
    with pytest.raises(ConfigError, match=r"evaluate\.text=nothing\.txt"):
        check_command_line([*command, "evaluate.text=nothing.txt"])
