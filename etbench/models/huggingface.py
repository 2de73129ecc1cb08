"""Models of transformers, wrapped to take tensors and to return plain tensors, without a cache."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from etbench.errors import EtbenchError
from etbench.models.batchnorm import estimate_statistics
from etbench.models.inputs import ImageInputs, TextInputs
from etbench.models.loading import LoadedModel
from etbench.models.tokens import Tokenize, offline_tokenizer
from etbench.models.torchvision_ops import ensure_importable
from etbench.models.weights import apply_checkpoint, missing_keys, unreachable

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
    transformers = _transformers()
    config = transformers.SegformerConfig(num_labels=ADE20K_CLASSES)
    model = _model(transformers.SegformerForSemanticSegmentation, config, id, weights)
    module = _Vision(model, "logits")
    if weights == "random":
        estimate_statistics(module, image_size)
    return LoadedModel(module, ImageInputs(image_size, batch), logits_axis=1, weights=weights)


def distilbert(*, id: str, weights: str, seed: int, batch: int, seq_len: int) -> LoadedModel:
    """Return DistilBERT's encoder: hidden states of (batch, seq_len, 768)."""
    transformers = _transformers()
    config = transformers.DistilBertConfig()
    _check_length(seq_len, config.max_position_embeddings)
    model = _model(transformers.DistilBertModel, config, id, weights)
    offline = offline_tokenizer(seq_len=seq_len, pad=0, begin=101, end=102, first_id=1_000)
    inputs = _text_inputs(transformers, id, weights, batch, seq_len, offline)
    return LoadedModel(_Text(model, "last_hidden_state"), inputs, weights=weights)


def clip_text(*, id: str, weights: str, seed: int, batch: int, seq_len: int) -> LoadedModel:
    """Return the text encoder of CLIP ViT-B/32: pooled output of (batch, 512)."""
    transformers = _transformers()
    config = transformers.CLIPTextConfig()
    _check_length(seq_len, config.max_position_embeddings)
    model = _model(transformers.CLIPTextModel, config, id, weights)
    begin, end = 49_406, 49_407
    offline = offline_tokenizer(seq_len=seq_len, pad=end, begin=begin, end=end)
    inputs = _text_inputs(transformers, id, weights, batch, seq_len, offline)
    return LoadedModel(_Text(model, "pooler_output"), inputs, weights=weights)


def gpt2(*, id: str, weights: str, seed: int, batch: int, seq_len: int) -> LoadedModel:
    """Return GPT-2 (124M) without a cache: next-token logits of (batch, seq_len, 50257)."""
    transformers = _transformers()
    config = transformers.GPT2Config()
    _check_length(seq_len, config.n_positions)
    model = _model(transformers.GPT2LMHeadModel, config, id, weights)
    offline = offline_tokenizer(seq_len=seq_len, pad=config.eos_token_id)
    inputs = _text_inputs(transformers, id, weights, batch, seq_len, offline)
    return LoadedModel(_Text(model, "logits", use_cache=False), inputs, logits_axis=2, weights=weights)


def _transformers() -> Any:
    ensure_importable()
    import transformers

    transformers.logging.set_verbosity_warning()
    return transformers


def _check_length(seq_len: int, limit: int) -> None:
    if seq_len > limit:
        raise EtbenchError(
            f"model.seq_len={seq_len}: the model has positions for {limit} tokens", stage="load"
        )


def _model(kind: Any, config: Any, id: str, weights: str) -> nn.Module:
    """Return the model with random, pretrained, or a checkpoint's weights (a file or a saved folder)."""
    if weights == "random":
        module: nn.Module = kind(config)
        return module
    path = Path(weights)
    if weights != "pretrained" and path.is_file():
        module = kind(config)
        apply_checkpoint(module, path)
        return module
    source = id if weights == "pretrained" else weights
    try:
        module, info = kind.from_pretrained(source, output_loading_info=True, dtype=torch.float32)
    except Exception as error:
        raise unreachable(source, error) from error
    if info["missing_keys"]:
        raise missing_keys(source, sorted(info["missing_keys"]))
    return module


def _text_inputs(
    transformers: Any,
    id: str,
    weights: str,
    batch: int,
    seq_len: int,
    offline: Tokenize,
) -> TextInputs:
    """Use the tokenizer that belongs to the weights; random weights and bare state dicts have none."""
    if weights == "random" or Path(weights).is_file():
        return TextInputs(offline, "byte-level BPE trained on the bundled sentences", batch)
    source = id if weights == "pretrained" else weights
    try:
        tokenizer = transformers.AutoTokenizer.from_pretrained(source)
    except Exception as error:
        raise unreachable(f"the tokenizer of {source}", error) from error
    tokenizer.pad_token = tokenizer.pad_token or tokenizer.eos_token

    def tokenize(texts: Sequence[str]) -> tuple[Tensor, Tensor]:
        encoded = tokenizer(
            list(texts), padding="max_length", truncation=True, max_length=seq_len, return_tensors="pt"
        )
        return encoded["input_ids"], encoded["attention_mask"]

    return TextInputs(tokenize, f"tokenizer of {source}", batch)
