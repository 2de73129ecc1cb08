"""What all models of transformers share: the import, the configuration, the weights and the tokenizer."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from etbench.errors import EtbenchError, nearest
from etbench.models.inputs import TextInputs
from etbench.models.tokens import Tokenize
from etbench.models.torchvision_ops import ensure_importable
from etbench.models.variants import Variants
from etbench.models.weights import apply_checkpoint, misfitting, unreachable

__all__ = [
    "architecture",
    "check_length",
    "configuration",
    "has_own_files",
    "import_transformers",
    "source_of",
    "text_inputs",
    "whole_numbers",
    "with_weights",
]


def import_transformers() -> Any:
    """Return the library; it imports torchvision, which may need `ensure_importable`."""
    ensure_importable()
    import transformers

    transformers.logging.set_verbosity_warning()
    return transformers


def configuration(transformers: Any, id: str, weights: str, changes: dict[str, Any]) -> Any:
    """Return the configuration of a model type, a class, the hub or a folder, with the user's changes.

    Raises:
        EtbenchError: of stage ``load`` for an unknown id or value, or a configuration that is not available.

    """
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING_NAMES

    types = {name: type for type, name in CONFIG_MAPPING_NAMES.items()} | {
        type: type for type in CONFIG_MAPPING_NAMES
    }
    folder = weights if Path(weights).is_dir() else id
    if folder in types:
        plain, given = transformers.CONFIG_MAPPING[types[folder]](), {}
    elif "/" in folder or Path(folder).is_dir():
        try:
            plain = transformers.AutoConfig.from_pretrained(folder)
            given = transformers.PreTrainedConfig.get_config_dict(folder)[0]
        except Exception as error:
            raise unreachable(f"the configuration of {folder}", error) from error
    else:
        raise EtbenchError(
            f"model.id={id}: transformers has no such model type or configuration class{nearest(id, types)}",
            stage="load",
            hint="use a model type, a configuration class, owner/name on the hub, or a folder written by "
            "save_pretrained",
        )
    for name in changes:
        if not hasattr(plain, name):
            known = list(plain.to_dict())
            raise EtbenchError(
                f"model.config.{name}: {type(plain).__name__} has no such value{nearest(name, known)}",
                stage="load",
            )
    # Created again rather than changed: some values are derived from others, such as the types of layers.
    return type(plain).from_dict(given | changes) if changes else plain


def architecture(auto: Any, settings: Any, id: str, task: str, hint: str) -> Any:
    """Return the model class for this task and configuration.

    Args:
        auto: the class of transformers that chooses the model class.
        settings: the configuration.
        id: the user's name of the model.
        task: the name of the task, for the error.
        hint: of the error if there is no such class.

    Raises:
        EtbenchError: of stage ``load`` if there is no such class.

    """
    try:
        kind = auto._model_mapping[type(settings)]  # `from_config` uses it too; there is no public one
    except KeyError:
        raise EtbenchError(
            f"model.task={task}: transformers has no {id} model for this task ({type(settings).__name__})",
            stage="load",
            hint=hint,
        ) from None
    return kind[0] if isinstance(kind, (tuple, list)) else kind


def whole_numbers(settings: Any) -> dict[str, int | None]:
    """Return the values of a configuration that sizes of weights may depend on."""
    values = {name: value for name, value in settings.to_dict().items() if type(value) is int}
    return values | {"num_labels": settings.num_labels}


def check_length(seq_len: int, limit: int) -> None:
    """Refuse a sequence that is longer than the model allows.

    Raises:
        EtbenchError: of stage ``load``.

    """
    if seq_len > limit:
        raise EtbenchError(f"model.seq_len={seq_len}: the model takes at most {limit} tokens", stage="load")


def has_own_files(weights: str) -> bool:
    """Return whether the weights come with a configuration; random ones and state dicts do not."""
    return weights != "random" and not Path(weights).is_file()


def source_of(id: str, weights: str) -> str:
    """Return the hub id or the folder that such weights, configuration and tokenizer are read from."""
    return id if weights == "pretrained" else weights


def with_weights(
    kind: Any,
    make: Callable[[], nn.Module],
    id: str,
    weights: str,
    variants: Variants | None = None,
    settings: Any = None,
    advice: str = "",
) -> nn.Module:
    """Return the model with random, pretrained, or a checkpoint's weights (a file or a saved folder).

    Args:
        kind: the class, whose `from_pretrained` is called.
        make: returns the model with random weights.
        id: the name on the hub, or a folder.
        weights: ``random``, ``pretrained`` or a path.
        variants: makes it with other values of its configuration, if the user can change these.
        settings: the configuration of pretrained weights; None for the one that is saved beside them.
        advice: what to do if pretrained weights lack some that the class needs.

    Raises:
        EtbenchError: of stage ``load`` for weights that are not available or do not fit.

    """
    if not has_own_files(weights):
        made = make()
        if weights != "random":
            apply_checkpoint(made, Path(weights), variants)
        return made
    source = source_of(id, weights)
    module: nn.Module
    try:
        module, info = kind.from_pretrained(
            source,
            config=settings,
            output_loading_info=True,
            ignore_mismatched_sizes=True,  # they are refused below, with their names
            dtype=torch.float32,
        )
    except Exception as error:
        raise unreachable(f"the pretrained weights of {source}", error) from error
    misshapen = [key if isinstance(key, str) else key[0] for key in info["mismatched_keys"]]
    if info["missing_keys"] or misshapen:
        raise misfitting(source, sorted(info["missing_keys"]), sorted(misshapen), advice)
    return module


def text_inputs(
    transformers: Any, id: str, weights: str, batch: int, seq_len: int, offline: Callable[[], Tokenize]
) -> TextInputs:
    """Use the tokenizer that belongs to the weights; random weights and bare state dicts have none."""
    if not has_own_files(weights):
        return TextInputs(offline(), "byte-level BPE trained on the bundled sentences", batch)
    source = source_of(id, weights)
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
