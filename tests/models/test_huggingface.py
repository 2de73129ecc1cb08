"""A saved folder of transformers as weights: its own configuration and tokenizer."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from etbench.errors import EtbenchError
from etbench.models import load
from etbench.models.inputs import TextInputs
from etbench.models.torchvision_ops import ensure_importable
from etbench.preflight.compose import compose


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny DistilBERT with a word tokenizer, saved as `from_pretrained` reads it."""
    ensure_importable()
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import DistilBertConfig, DistilBertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("saved")
    config = DistilBertConfig(vocab_size=40, dim=16, n_layers=1, n_heads=2, hidden_dim=32)
    DistilBertModel(config).save_pretrained(folder)
    words = {"[PAD]": 0, "[UNK]": 1, "the": 2, "whale": 3}
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, pad_token="[PAD]").save_pretrained(folder)
    return folder


def test_a_saved_folder_brings_its_own_architecture_and_tokenizer(saved: Path) -> None:
    loaded = load(compose(["model=distilbert", f"model.weights={saved}"]).model)
    assert isinstance(loaded.inputs, TextInputs)
    ids, mask = loaded.inputs.encode(["the whale"])
    assert ids.tolist() == [[2, 3, 0, 0, 0, 0, 0, 0]]
    assert mask.tolist() == [[1, 1, 0, 0, 0, 0, 0, 0]]
    with torch.no_grad():
        assert loaded.module(ids, mask).shape == (1, 8, 16)


def test_a_folder_of_another_architecture_names_the_missing_keys(saved: Path) -> None:
    with pytest.raises(EtbenchError, match=r"do not fit the model: .* missing \(") as caught:
        load(compose(["model=gpt2", f"model.weights={saved}"]).model)
    assert caught.value.stage == "load"


def test_a_saved_folder_as_the_id_gives_its_weights_and_random_ones_only_if_asked_for(saved: Path) -> None:
    def table(*overrides: str) -> tuple[str, torch.Tensor]:
        asked = compose(["model=transformers", f"model.id={saved}", *overrides]).model
        loaded = load(asked)
        assert loaded.weights == asked.weights
        return loaded.weights, loaded.module.get_parameter("model.embeddings.word_embeddings.weight")

    stored = load_file(saved / "model.safetensors")["embeddings.word_embeddings.weight"]
    weights, values = table()
    assert weights == str(saved)
    assert torch.equal(values, stored)
    weights, values = table("model.weights=random", "+model.config.vocab_size=300")
    assert weights == "random"
    assert values.shape == (300, 16)
    bundled = load(compose(["model=distilbert", f"model.id={saved}"]).model)
    assert torch.equal(bundled.module.get_parameter("model.embeddings.word_embeddings.weight"), stored)


def test_a_folder_without_weights_gives_random_ones(saved: Path, tmp_path: Path) -> None:
    shutil.copy(saved / "config.json", tmp_path)
    assert compose(["model=transformers", f"model.id={tmp_path}"]).model.weights == "random"
    (tmp_path / "pytorch_model-00001-of-00002.bin").touch()
    assert compose(["model=causal_lm", f"model.id={tmp_path}"]).model.weights == str(tmp_path)
    assert compose(["model=transformers", "model.id=bert"]).model.weights == "random"


def test_a_state_dict_of_another_vocabulary_names_the_override(saved: Path) -> None:
    sizes = "{dim: 16, n_layers: 1, n_heads: 2, hidden_dim: 32}"
    asked = ["model=transformers", "model.id=distilbert", f"+model.config={sizes}"]
    with pytest.raises(EtbenchError, match="does not fit the model") as caught:
        load(compose([*asked, f"model.weights={saved / 'model.safetensors'}"]).model)
    assert caught.value.hint == "it fits with +model.config.vocab_size=40"


def test_values_of_the_configuration_count_for_saved_weights_too(saved: Path) -> None:
    asked = ["model=transformers", f"model.id={saved}"]
    loaded = load(compose([*asked, "+model.config.n_layers=0"]).model)
    assert not [name for name in loaded.module.state_dict() if "layer.0" in name]
    with pytest.raises(EtbenchError, match=r"1 with another shape \(embeddings\.word") as caught:
        load(compose([*asked, "+model.config.vocab_size=300"]).model)
    assert "leave out the values of model.config" in caught.value.hint
    with pytest.raises(EtbenchError, match=r"16 missing \("):
        load(compose([*asked, "+model.config.n_layers=2"]).model)


def test_a_folder_that_was_saved_for_another_task_names_it(saved: Path) -> None:
    with pytest.raises(EtbenchError, match=r"missing \(") as caught:
        load(compose(["model=transformers", f"model.id={saved}", "model.task=fill-mask"]).model)
    assert caught.value.hint == "it was saved with model.task=feature-extraction"
