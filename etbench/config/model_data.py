"""Which data a model takes, as far as it is known before the model is loaded, and which would not be used."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from etbench.config.sections import UNDECLARED, Calibration, InputSpec, Model

__all__ = [
    "SAMPLES",
    "SAVED_WEIGHTS",
    "DataKind",
    "data_words",
    "has_saved_weights",
    "is_image",
    "known_kind",
    "saved_weights",
    "unused_data",
    "weights_words",
]

DataKind = Literal["images", "text", "speech", "prompts", "own", "example", "made_up"]

# What the functions of etbench feed their models with; the kind of others is known after loading.
KINDS: dict[str, DataKind] = {
    "etbench.models.torchvision.": "images",
    "etbench.models.timm.": "images",
    "etbench.models.huggingface.segformer": "images",
    "etbench.models.huggingface.": "text",
    "etbench.models.decoder.": "prompts",
    "etbench.models.digits.": "own",
}
TAKES = {"images": "images", "text": "text", "speech": "text"}  # the key of `calibration` that each kind uses
WORDS: dict[DataKind, str] = {
    "images": "pictures",
    "text": "sentences",
    "speech": "spoken sentences",
    "prompts": "prompts of random tokens",
    "own": "the data set that comes with it",
    "example": "the example inputs that came with it",
    "made_up": "made-up values of the shapes in model.inputs",
}
OWN_ARRAYS = "give inputs as the model takes them: calibration.npz=<file>"
REMEDIES: dict[DataKind, str] = {
    "images": "give pictures: calibration.images=<folder>",
    "text": "give sentences: calibration.text=<file>",
    "speech": "give sentences, which are spoken: calibration.text=<file>",
    "prompts": OWN_ARRAYS,
    "own": OWN_ARRAYS,
    "example": "for pictures, return LoadedModel(module, ImageInputs(size)) from the model's function, and "
    f"TextInputs for sentences; or {OWN_ARRAYS}",
    "made_up": OWN_ARRAYS,
}
SAMPLES: dict[str, str] = {  # what is used if the user gives no data
    "images": "etbench's sample photographs",
    "text": "etbench's sample sentences",
    "speech": "etbench's sample sentences, spoken",
    "prompts": "random prompts",
    "own": "its own data set",
    "example": "the example inputs that came with it",
    "made_up": "made-up inputs",
}
SAVED_WEIGHTS = ("*.safetensors", "pytorch_model*.bin")  # how `save_pretrained` names its files


def known_kind(model: Model) -> DataKind | None:
    """Return what the model is fed with, or None if this is known only after loading it."""
    if model.inputs:
        return "images" if is_image(model.inputs) else "made_up"
    return next((kind for start, kind in KINDS.items() if model.target.startswith(start)), None)


def is_image(specs: Sequence[InputSpec]) -> bool:
    """Return whether the only input is a square RGB image, which photographs are made for."""
    match specs:
        case [InputSpec(shape=[_, 3, height, width], dtype="float32")]:
            return height == width
    return False


def weights_words(weights: str) -> str:
    """Return which weights a model has, in a few words."""
    return "weights not declared" if weights == UNDECLARED else f"{weights} weights"


def data_words(model: Model, calibration: Calibration, kind: str | None = None) -> str:
    """Return which data the model is shown, in a few words; empty if this is known only after loading it.

    Args:
        model: of the cell.
        calibration: the data that the user gives.
        kind: what the model takes, if it is loaded.

    """
    if model.ready:
        reference = model.options.get("reference")
        return f"inputs in {reference}" if reference else "made-up inputs"
    kind = kind or known_kind(model)
    own = {"images": calibration.images, "text": calibration.text, "speech": calibration.text}
    given = calibration.npz or (own.get(kind) if kind else calibration.images or calibration.text)
    if given:
        return given
    if kind in SAMPLES:
        return SAMPLES[kind]
    is_etbenchs = model.target.startswith("etbench.models.") and "path" not in model.options
    return "etbench's sample data" if is_etbenchs else ""


def unused_data(calibration: Calibration, kind: DataKind | None) -> tuple[str, str] | None:
    """Return which data of the user would not be used and what to do about it, or None if all are.

    Pictures and sentences may both be given, for a sweep of models that take either.

    Args:
        calibration: the data that the user gives.
        kind: what the model takes; None if it is not known.

    """
    given = {"images": calibration.images, "text": calibration.text}
    asked = {name: value for name, value in given.items() if value}
    if not asked:
        return None
    name, value = next(iter(asked.items()))
    if calibration.npz:
        return (
            f"calibration.{name}={value}: would not be used beside calibration.npz={calibration.npz}",
            "give one of them",
        )
    if kind is None or TAKES.get(kind) in asked:
        return None
    return f"calibration.{name}={value}: would not be used, the model takes {WORDS[kind]}", REMEDIES[kind]


def saved_weights(section: dict[str, Any]) -> str:
    """Return the weights of a model with ``weights: null``: the folder that `id` names, if it has any.

    Random weights are used otherwise, such as for a type of model.
    """
    folder = str(section.get("id") or "")
    return folder if folder and has_saved_weights(Path(folder)) else "random"


def has_saved_weights(folder: Path) -> bool:
    """Return whether `save_pretrained` wrote weights into a folder; False for what is not a folder."""
    return folder.is_dir() and any(next(folder.glob(name), None) for name in SAVED_WEIGHTS)
