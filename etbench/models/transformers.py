"""Any model of transformers, by task: from its configuration alone, the hub, or a saved folder."""

from __future__ import annotations

import inspect
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from etbench.config.generation import GENERATE
from etbench.errors import EtbenchError, nearest
from etbench.models.batchnorm import estimate_statistics
from etbench.models.hub import (
    architecture,
    check_length,
    configuration,
    has_own_files,
    import_transformers,
    source_of,
    text_inputs,
    whole_numbers,
    with_weights,
)
from etbench.models.inputs import ImageInputs, TextInputs
from etbench.models.loading import LoadedModel
from etbench.models.speech import speech_inputs
from etbench.models.tokens import VOCABULARY, offline_tokenizer
from etbench.models.variants import Variants
from etbench.models.vision import image_inputs
from etbench.models.wrapping import flatten, part_of

__all__ = ["model"]

# The class that creates the model of a task (named as on the hub), and the axis of its logits.
TASKS: dict[str, tuple[str, int | None]] = {
    "feature-extraction": ("AutoModel", None),
    "text-encoding": ("AutoModelForTextEncoding", None),
    "text-classification": ("AutoModelForSequenceClassification", 1),
    "token-classification": ("AutoModelForTokenClassification", 2),
    "question-answering": ("AutoModelForQuestionAnswering", None),
    "fill-mask": ("AutoModelForMaskedLM", 2),
    "text-generation": ("AutoModelForCausalLM", 2),
    "text2text-generation": ("AutoModelForSeq2SeqLM", 2),
    "image-classification": ("AutoModelForImageClassification", 1),
    "image-segmentation": ("AutoModelForSemanticSegmentation", 1),
    "object-detection": ("AutoModelForObjectDetection", 2),
    "depth-estimation": ("AutoModelForDepthEstimation", None),
    "audio-classification": ("AutoModelForAudioClassification", 1),
    "automatic-speech-recognition": ("AutoModelForCTC", 2),
}
SIZE = 224
SPECIAL_IDS = 1_000  # at the start of a large vocabulary, which are not used for words
FEWEST_WORDS = 256 + 8  # in the offline tokenizer: the bytes and a few pairs


def _named(model: nn.Module, names: tuple[str, ...]) -> nn.Module:
    """Return a module that takes tensors for these arguments of the model, and returns all its tensors, flat.

    The signature of its ``forward`` has the names, which `calibration.npz` and `torch.export` use.
    """

    class Named(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
            return tuple(flatten(self.model(**dict(zip(names, tensors, strict=True)))))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    taken = [inspect.Parameter(name, kind, annotation=Tensor) for name in ("self", *names)]
    Named.forward.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    return Named()


def model(
    *,
    id: str,
    task: str,
    weights: str,
    seed: int,
    batch: int,
    image_size: int | None = None,
    seq_len: int = 32,
    audio_s: float = 1.0,
    part: str | None = None,
    config: dict[str, Any] | None = None,
) -> LoadedModel:
    """Return a model of transformers, or a part of one, that takes images, text or sound.

    Args:
        id: a model type (``bert``), the name of a configuration class (``BertConfig``), a name on the hub
            (``google-bert/bert-base-uncased``) or a folder that `save_pretrained` wrote.
        task: what the model is for, as the hub names it: a key of `TASKS`.
        weights: ``random`` (the configuration alone is needed), ``pretrained`` or a path.
        seed: of the random weights; the caller has set it.
        batch: images, sentences or sounds in one inference.
        image_size: pixels; None for the size in the configuration.
        seq_len: tokens, special ones included.
        audio_s: seconds of sound, if the configuration does not fix them.
        part: dotted name of the submodule that is measured, such as an ``encoder``.
        config: values of the configuration to change, such as ``num_hidden_layers: 2``.

    Raises:
        EtbenchError: of stage ``load`` for an unknown id, task, part or configuration value, and for weights
            that are not available.

    """
    transformers = import_transformers()
    auto, logits_axis = _auto_class(transformers, task)
    settings = configuration(transformers, id, weights, config or {})
    size = _image_size(settings, image_size)
    kind = architecture(auto, settings, id, task, f"tasks are: {', '.join(TASKS)}")

    def made(changes: dict[str, Any]) -> Any:
        other = configuration(transformers, id, weights, (config or {}) | changes)
        _image_size(other, image_size)
        return kind(other)

    variants = Variants(made, whole_numbers(settings), config or {})
    advice = _own_task(transformers, settings, task)
    whole = with_weights(kind, partial(kind, settings), id, weights, variants, settings, advice)
    _without_cache(whole)
    module = part_of(whole, part)
    names = _arguments(module, part)
    source = source_of(id, weights) if has_own_files(weights) else None
    inputs: ImageInputs | TextInputs
    if names[0] == "pixel_values":
        inputs = image_inputs(transformers, settings, source, size, batch)
    elif names[0] == "input_ids":
        inputs = _sentences(transformers, settings, names, id, weights, batch, seq_len)
    else:
        inputs = speech_inputs(transformers, settings, names[0], source, batch, audio_s)
    named = _named(module, names)
    if weights == "random":
        estimate_statistics(named, inputs)
    return LoadedModel(named, inputs, logits_axis=None if part else logits_axis, weights=weights)


def _auto_class(transformers: Any, task: str) -> tuple[Any, int | None]:
    if task not in TASKS:
        raise EtbenchError(
            f"model.task={task}: no such task{nearest(task, TASKS)}",
            stage="load",
            hint="use model=causal_lm" if task == GENERATE else f"tasks are: {', '.join(TASKS)}",
        )
    name, logits_axis = TASKS[task]
    return getattr(transformers, name), logits_axis


def _own_task(transformers: Any, settings: Any, asked: str) -> str:
    """Return the advice to take the task that the model was saved with, if it is another one."""
    saved = {*(settings.architectures or ())}
    for task, (name, _) in TASKS.items():
        kind = getattr(transformers, name)._model_mapping.get(type(settings), None)
        kinds = kind if isinstance(kind, (tuple, list)) else (kind,)
        if task != asked and saved & {getattr(one, "__name__", "") for one in kinds}:
            return f"it was saved with model.task={task}"
    return ""


def _image_size(settings: Any, asked: int | None) -> int:
    """Return the side of the images in pixels, and set it in the configuration."""
    own = getattr(settings, "image_size", None)
    if own is not None and asked is not None:
        settings.image_size = [asked, asked] if isinstance(own, (list, tuple)) else asked
    if isinstance(own, (list, tuple)):
        own = own[0]
        settings.image_size = [asked or own] * 2
    return asked or own or SIZE


def _without_cache(whole: nn.Module) -> None:
    """Turn off the key-value caches, so that decoders return only their logits."""
    for module in whole.modules():
        if getattr(getattr(module, "config", None), "use_cache", False):
            module.config.use_cache = False  # type: ignore[union-attr]


def _arguments(module: nn.Module, part: str | None) -> tuple[str, ...]:
    """Return the names of the arguments that the module is called with, its main one first."""
    main = getattr(module, "main_input_name", None)
    takes = inspect.signature(module.forward).parameters
    if main not in ("pixel_values", "input_ids", "input_values", "input_features") or main not in takes:
        raise EtbenchError(
            f"model.part={part}: {type(module).__name__} takes ({', '.join(takes)}), "
            "but neither images nor text nor sound",
            stage="load",
            hint="use model=custom with a function that returns the module and its example inputs",
        )
    more = ("attention_mask", "decoder_input_ids") if main == "input_ids" else ()
    return (main, *(name for name in more if name in takes))


def _sentences(
    transformers: Any, settings: Any, names: tuple[str, ...], id: str, weights: str, batch: int, seq_len: int
) -> TextInputs:
    """Return inputs of ids, mask and, for an encoder-decoder, the decoder's ids, as the arguments require."""
    text = settings.get_text_config()
    check_length(seq_len, getattr(text, "max_position_embeddings", None) or seq_len)
    words = min(
        VOCABULARY, text.vocab_size - (first := max(0, min(SPECIAL_IDS, text.vocab_size - VOCABULARY)))
    )
    if not has_own_files(weights) and words < FEWEST_WORDS:
        raise EtbenchError(
            f"model.config.vocab_size={text.vocab_size}: must be {FEWEST_WORDS} or more", stage="load"
        )

    def special(name: str) -> int | None:
        id_ = getattr(text, name, None)
        id_ = id_[0] if isinstance(id_, (list, tuple)) else id_
        return id_ if isinstance(id_, int) and 0 <= id_ < text.vocab_size else None

    begin, end = special("bos_token_id"), special("eos_token_id")
    pad = next((id_ for id_ in (special("pad_token_id"), end) if id_ is not None), 0)
    offline = partial(
        offline_tokenizer, seq_len=seq_len, pad=pad, begin=begin, end=end, first_id=first, vocabulary=words
    )
    plain = text_inputs(transformers, id, weights, batch, seq_len, offline)
    start = special("decoder_start_token_id") or 0

    def tokenize(texts: Any) -> tuple[Tensor, ...]:
        ids, mask = plain.tokenize(texts)
        shifted = torch.cat([torch.full_like(ids[:, :1], start), ids[:, :-1]], dim=1)
        given = {"input_ids": ids, "attention_mask": mask, "decoder_input_ids": shifted}
        return tuple(given[name] for name in names)

    return TextInputs(tokenize, plain.description, batch)
