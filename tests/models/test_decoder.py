"""A decoder with its cache: in pieces it says what it says of the whole text, and no other model gets one."""

from __future__ import annotations

import pytest
import torch
from running import CONF

from etbench.artifact.decoding import decode
from etbench.calibration import read_batches
from etbench.errors import ConfigError, EtbenchError
from etbench.models import LoadedModel, load
from etbench.models.torchvision_ops import ensure_importable
from etbench.preflight.compose import compose

ensure_importable()  # before any test imports transformers

SMALL = (
    "{num_hidden_layers: 1, hidden_size: 32, num_attention_heads: 2, intermediate_size: 64, vocab_size: 100}"
)


def _load(*overrides: str) -> LoadedModel:
    return load(compose(["model=tiny_decoder", *overrides], config_dir=CONF).model)


def _small(id: str, config: str = SMALL) -> LoadedModel:
    return load(compose(["model=causal_lm", f"model.id={id}", f"+model.config={config}"]).model)


def _prompts(loaded: LoadedModel, seed: int = 0) -> list[tuple[torch.Tensor, ...]]:
    return list(read_batches(compose([f"calibration.seed={seed}"]).calibration, loaded.inputs).references)


@pytest.mark.parametrize("at_once", [1, 3, 8])
def test_text_in_pieces_gives_the_logits_of_the_whole(at_once: int) -> None:
    decoder = _load().module
    tokens = torch.randint(256, (1, 24), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        decoder(
            tokens.flip(1), torch.tensor([0])
        )  # an earlier text, longer than the first pieces of this one
        whole = decoder.model(input_ids=tokens, use_cache=False).logits[0]
        for end in range(at_once, 25, at_once):
            logits = decoder(tokens[:, end - at_once : end], torch.tensor([end - at_once]))
            torch.testing.assert_close(logits[0], whole[end - 1], rtol=0, atol=1e-5)


def test_what_is_decoded_freely_is_decoded_again_when_forced() -> None:
    loaded = _load()
    prompt = _prompts(loaded)[0]
    with torch.no_grad():
        free = decode(lambda given: loaded.module(*given), prompt, 8)
        forced = decode(lambda given: loaded.module(*given), prompt, 8, forced=free.argmax(1).tolist())
        other = decode(lambda given: loaded.module(*given), prompt, 8, forced=[7] * 8)
    assert free.shape == (8, 256)
    assert torch.equal(free, forced)
    assert torch.equal(free[0], other[0])
    assert not torch.equal(free[2], other[2])


def test_prompts_are_seeded_and_begin_at_the_beginning() -> None:
    loaded = _load()
    first, again, other = (_prompts(loaded, seed) for seed in (0, 0, 1))
    assert [tokens.shape for tokens, _ in first] == [(1, 8)] * 4
    assert all(position.tolist() == [0] for _, position in first)
    assert torch.equal(first[3][0], again[3][0])
    assert not torch.equal(first[0][0], other[0][0])
    assert not torch.equal(first[0][0], first[1][0])


@pytest.mark.parametrize(
    ("id", "config"),
    [
        ("gpt2", "{n_layer: 1, n_embd: 32, n_head: 2, vocab_size: 100}"),
        ("qwen3", SMALL.replace("}", ", num_key_value_heads: 1}")),
        ("gemma", SMALL.replace("}", ", num_key_value_heads: 1}")),
        ("opt", SMALL.replace("intermediate_size: 64", "word_embed_proj_dim: 32")),
    ],
)
def test_other_families_are_decoders_too(id: str, config: str) -> None:
    loaded = _small(id, config)
    assert loaded.generation is not None
    assert loaded.module.keys_0.shape[2] == 128


@pytest.mark.parametrize(
    ("id", "why"),
    [
        ("bert", "bert cannot be run token by token with a cache"),
        ("distilbert", "transformers has no distilbert model for this task"),
    ],
)
def test_an_encoder_is_refused_with_what_to_do_instead(id: str, why: str) -> None:
    config = SMALL if id == "bert" else "{}"
    with pytest.raises(EtbenchError, match=why) as caught:
        _small(id, config)
    assert "model=transformers" in caught.value.hint
    assert "model.task=fill-mask" in caught.value.hint


def test_the_generic_source_names_the_one_that_generates() -> None:
    with pytest.raises(EtbenchError, match=r"model\.task=generate") as caught:
        load(compose(["model=transformers", "model.id=llama", "model.task=generate"]).model)
    assert "model=causal_lm" in caught.value.hint


def test_a_cache_longer_than_the_models_positions_is_refused() -> None:
    with pytest.raises(
        EtbenchError, match=r"model\.max_tokens=24: the model's max_position_embeddings is 20"
    ):
        _load("+model.config.max_position_embeddings=20")


def test_a_text_that_does_not_fit_the_cache_is_a_fault_of_the_configuration() -> None:
    fault = r"model\.prompt_tokens=100 and .*new_tokens=50: model\.max_tokens=128 is .*; set it to 150"
    with pytest.raises(ConfigError, match=fault):
        compose(["model=smollm2_135m", "model.prompt_tokens=100", "model.new_tokens=50"])
    with pytest.raises(ConfigError, match=r"model\.new_tokens=0: expected a whole number >= 2"):
        compose(["model=smollm2_135m", "model.new_tokens=0"])
