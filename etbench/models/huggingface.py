"""Four models of transformers, wrapped to return one tensor, without a key-value cache."""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import Tensor, nn

from etbench.models.batchnorm import estimate_statistics
from etbench.models.hub import check_length, import_transformers, text_inputs, with_weights
from etbench.models.inputs import ImageInputs
from etbench.models.loading import LoadedModel
from etbench.models.tokens import offline_tokenizer

__all__ = ["clip_text", "distilbert", "gpt2", "segformer"]

ADE20K_CLASSES = 150


class _Vision(nn.Module):
    """``forward(pixel_values)`` returns one output of the model by name."""

    def __init__(self, model: nn.Module, output: str) -> None:
        super().__init__()
        self.model = model
        self.output = output

    def forward(self, pixel_values: Tensor) -> Tensor:
        result: Tensor = getattr(self.model(pixel_values=pixel_values), self.output)
        return result


class _Text(nn.Module):
    """``forward(input_ids, attention_mask)`` returns one output of the model by name."""

    def __init__(self, model: nn.Module, output: str, **options: Any) -> None:
        super().__init__()
        self.model = model
        self.output = output
        self.options = options

    def forward(self, input_ids: Tensor, attention_mask: Tensor) -> Tensor:
        outputs = self.model(input_ids=input_ids, attention_mask=attention_mask, **self.options)
        result: Tensor = getattr(outputs, self.output)
        return result


def segformer(*, id: str, weights: str, seed: int, batch: int, image_size: int) -> LoadedModel:
    """Return SegFormer-B0 with the ADE20K head: logits of (batch, 150, image_size/4, image_size/4)."""
    transformers = import_transformers()
    config = transformers.SegformerConfig(num_labels=ADE20K_CLASSES)
    kind = transformers.SegformerForSemanticSegmentation
    model = with_weights(kind, lambda: kind(config), id, weights)
    module, inputs = _Vision(model, "logits"), ImageInputs(image_size, batch)
    if weights == "random":
        estimate_statistics(module, inputs)
    return LoadedModel(module, inputs, logits_axis=1, weights=weights)


def distilbert(*, id: str, weights: str, seed: int, batch: int, seq_len: int) -> LoadedModel:
    """Return DistilBERT's encoder: hidden states of (batch, seq_len, 768)."""
    transformers = import_transformers()
    config = transformers.DistilBertConfig()
    check_length(seq_len, config.max_position_embeddings)
    kind = transformers.DistilBertModel
    model = with_weights(kind, lambda: kind(config), id, weights)
    offline = partial(offline_tokenizer, seq_len=seq_len, pad=0, begin=101, end=102, first_id=1_000)
    inputs = text_inputs(transformers, id, weights, batch, seq_len, offline)
    return LoadedModel(_Text(model, "last_hidden_state"), inputs, weights=weights)


def clip_text(*, id: str, weights: str, seed: int, batch: int, seq_len: int) -> LoadedModel:
    """Return the text encoder of CLIP ViT-B/32: pooled output of (batch, 512)."""
    transformers = import_transformers()
    config = transformers.CLIPTextConfig()
    check_length(seq_len, config.max_position_embeddings)
    kind = transformers.CLIPTextModel
    model = with_weights(kind, lambda: kind(config), id, weights)
    begin, end = 49_406, 49_407
    offline = partial(offline_tokenizer, seq_len=seq_len, pad=end, begin=begin, end=end)
    inputs = text_inputs(transformers, id, weights, batch, seq_len, offline)
    return LoadedModel(_Text(model, "pooler_output"), inputs, weights=weights)


def gpt2(*, id: str, weights: str, seed: int, batch: int, seq_len: int) -> LoadedModel:
    """Return GPT-2 (124M) without a cache: next-token logits of (batch, seq_len, 50257)."""
    transformers = import_transformers()
    config = transformers.GPT2Config()
    check_length(seq_len, config.n_positions)
    kind = transformers.GPT2LMHeadModel
    model = with_weights(kind, lambda: kind(config), id, weights)
    offline = partial(offline_tokenizer, seq_len=seq_len, pad=config.eos_token_id)
    inputs = text_inputs(transformers, id, weights, batch, seq_len, offline)
    return LoadedModel(_Text(model, "logits", use_cache=False), inputs, logits_axis=2, weights=weights)
