"""A saved folder of transformers as weights: its own configuration and tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

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
