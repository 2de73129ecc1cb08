"""A causal language model as it is deployed: its key-value cache is part of the program."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from etbench.config import Generation
from etbench.config.generation import GENERATE
from etbench.errors import EtbenchError
from etbench.models.hub import architecture, configuration, import_transformers, whole_numbers, with_weights
from etbench.models.inputs import PromptInputs
from etbench.models.loading import LoadedModel
from etbench.models.variants import Variants

__all__ = ["Decoder", "causal_lm"]

EMBEDDING_SCALE = 0.1

INSTEAD = (
    "use a causal language model, such as model.id=llama; measure an encoder with model=transformers "
    "and a task for encoders, such as model.task=fill-mask"
)


class Decoder(nn.Module):
    """``forward(tokens, start_pos)`` returns the logits after the last of these tokens and caches them all.

    The keys and values of all tokens so far are in buffers of a fixed length. Tokens are int64 of (1, n),
    start_pos int64 of (1,) is the position of the first one, logits are (1, vocabulary). A prompt is one
    call at position 0; what an earlier prompt left in the cache is masked until it is overwritten.
    """

    slots: Tensor

    def __init__(
        self, model: nn.Module, shapes: list[tuple[torch.Size, torch.Size]], max_tokens: int
    ) -> None:
        super().__init__()
        from transformers.cache_utils import CacheLayerMixin

        CacheLayerMixin.register(_Filled)  # for models that check the class of a cache layer
        self.model = model
        self.layers = len(shapes)
        for number, (keys, values) in enumerate(shapes):
            for name, shape in (("keys", keys), ("values", values)):
                self.register_buffer(f"{name}_{number}", torch.zeros(1, shape[1], max_tokens, shape[3]))
        self.register_buffer("slots", torch.arange(max_tokens))

    def forward(self, tokens: Tensor, start_pos: Tensor) -> Tensor:
        """Return the logits of the next token."""
        from transformers.cache_utils import Cache

        positions = start_pos + torch.arange(tokens.shape[1])
        filled: list[Any] = [
            _Filled(getattr(self, f"keys_{number}"), getattr(self, f"values_{number}"), positions)
            for number in range(self.layers)
        ]
        kind = filled[0].keys.dtype
        mask = torch.where(self.slots <= positions[:, None], 0.0, torch.finfo(kind).min).to(kind)
        outputs = self.model(
            input_ids=tokens,
            attention_mask=mask[None, None],
            position_ids=positions[None],
            cache=Cache(layers=filled),
            use_cache=True,
            logits_to_keep=1,
        )
        logits: Tensor = outputs.logits[:, -1]
        return logits


class _Filled:
    """The cache of one layer during a call, with the interface that transformers expects."""

    is_compileable = True
    is_sliding = False
    is_initialized = True

    def __init__(self, keys: Tensor, values: Tensor, positions: Tensor) -> None:
        self.keys, self.values, self.positions = keys, values, positions

    def update(self, keys: Tensor, values: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Store the keys and values of the new tokens, and return those of all positions."""
        self.keys.index_copy_(2, self.positions, keys)
        self.values.index_copy_(2, self.positions, values)
        return self.keys, self.values

    def get_seq_length(self) -> Tensor:
        """Return how many tokens came before."""
        return self.positions[0]

    def get_mask_sizes(self, _: int) -> tuple[int, int]:
        """Return how many positions a mask has, and where they begin."""
        return self.keys.shape[2], 0


def causal_lm(
    *,
    id: str,
    task: str,
    weights: str,
    seed: int,
    prompt_tokens: int,
    new_tokens: int,
    max_tokens: int,
    pretrained: str | None = None,
    config: dict[str, Any] | None = None,
) -> LoadedModel:
    """Return a causal language model of transformers that generates token by token.

    Args:
        id: a model type (``llama``), the name of a configuration class (``LlamaConfig``), a name on the hub
            or a folder that `save_pretrained` wrote.
        task: ``generate``.
        weights: ``random`` (the configuration alone is needed), ``pretrained`` or a path.
        seed: of the random weights; the caller has set it.
        prompt_tokens: length of a prompt, which is one call.
        new_tokens: tokens generated after it, one call per token.
        max_tokens: length of the cache; each call reads all of it, so a longer one takes longer.
        pretrained: the source of pretrained weights; None for `id`.
        config: values of the configuration to change, such as ``num_hidden_layers: 2``.

    Raises:
        EtbenchError: of stage ``load`` for an unknown id or configuration value, a model that has no
            key-value cache or is not causal, and weights that are not available.

    """
    transformers = import_transformers()
    source = pretrained if pretrained and weights == "pretrained" else id
    settings = configuration(transformers, source, weights, config or {})
    _check_positions(settings.get_text_config(), max_tokens)
    kind = architecture(transformers.AutoModelForCausalLM, settings, source, task, INSTEAD)
    variants = Variants(
        lambda changes: kind(configuration(transformers, source, weights, (config or {}) | changes)),
        whole_numbers(settings),
        config or {},
    )
    model: Any = with_weights(kind, lambda: kind(settings), source, weights, variants, settings).eval()
    model.set_attn_implementation("eager")  # plain operators, of which delegates take most
    if weights == "random":
        _forget_last_token(model)
    vocabulary = int(settings.get_text_config().vocab_size)
    prompts = PromptInputs(vocabulary, prompt_tokens)
    decoder = _decoder(model, max_tokens, source)
    _check_against_whole(decoder, prompts.draw(1, seed)[0][0], source)
    lengths = Generation(prompt_tokens=prompt_tokens, new_tokens=new_tokens, max_tokens=max_tokens)
    return LoadedModel(decoder, prompts, logits_axis=1, weights=weights, generation=lengths)


def _forget_last_token(model: Any) -> None:
    """Scale down an embedding of random weights that is also the head.

    A token is most similar to itself, so with the usual weights such a model would repeat its last token
    forever, and errors would not show in its text. What the layers add does not depend on the scale of the
    embedding, as each layer begins with a norm.
    """
    head, table = model.get_output_embeddings(), model.get_input_embeddings()
    if head is not None and head.weight is table.weight:
        with torch.no_grad():
            table.weight.mul_(EMBEDDING_SCALE)


def _check_positions(settings: Any, max_tokens: int) -> None:
    """Refuse a cache that is longer than the context of the model."""
    for name in ("max_position_embeddings", "sliding_window"):
        limit = getattr(settings, name, None)
        if isinstance(limit, int) and max_tokens > limit:
            raise EtbenchError(
                f"model.max_tokens={max_tokens}: the model's {name} is {limit}",
                stage="load",
                hint=f"set model.max_tokens={limit} or less",
            )


def _decoder(model: nn.Module, max_tokens: int, id: str) -> Decoder:
    """Return the model with a cache that has the shapes of the model's own cache after one token."""
    from transformers import DynamicCache

    cache = DynamicCache()
    try:
        with torch.no_grad():
            model(input_ids=torch.zeros(1, 1, dtype=torch.int64), cache=cache, use_cache=True)
        shapes = [(layer.keys.shape, layer.values.shape) for layer in cache.layers]
    except Exception as error:
        raise _no_decoder(id, f"{type(error).__name__}: {error}") from error
    if not shapes:
        raise _no_decoder(id, "it does not use the cache")
    return Decoder(model, shapes, max_tokens)


def _check_against_whole(decoder: Decoder, tokens: Tensor, id: str) -> None:
    """Refuse a model whose logits token by token differ from those of one call on the whole text."""
    length = tokens.shape[1]
    begun = max(1, length // 2)
    try:
        with torch.no_grad():
            whole = decoder.model(input_ids=tokens, use_cache=False).logits[0, begun - 1 :]
            steps = [decoder(tokens[:, :begun], torch.tensor([0]))]
            steps += [decoder(tokens[:, at : at + 1], torch.tensor([at])) for at in range(begun, length)]
    except Exception as error:
        raise _no_decoder(id, f"{type(error).__name__}: {error}") from error
    if not torch.allclose(torch.cat(steps), whole, rtol=1e-3, atol=1e-3 * float(whole.abs().max())):
        raise _no_decoder(id, "its logits differ from those of one call on the whole text")


def _no_decoder(id: str, why: str) -> EtbenchError:
    return EtbenchError(
        f"model.task={GENERATE}: {id} cannot be run token by token with a cache: {why}",
        stage="load",
        hint=INSTEAD,
    )
