"""Any model of torchvision: classifiers, segmentation, and parts of them such as a detector's backbone."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from etbench.errors import EtbenchError, nearest
from etbench.models.batchnorm import estimate_statistics
from etbench.models.inputs import ImageInputs
from etbench.models.loading import LoadedModel
from etbench.models.torchvision_ops import ensure_importable
from etbench.models.variants import Variants
from etbench.models.weights import apply_checkpoint, fetching
from etbench.models.wrapping import part_of

__all__ = ["classifier", "model"]

SIZE = 224
SIZED = {"vit_": "image_size", "maxvit": "input_size"}  # families that are built for one image size


def classifier(
    *,
    id: str,
    weights: str,
    seed: int,
    batch: int,
    image_size: int,
    config: dict[str, Any] | None = None,
) -> LoadedModel:
    """Return a classifier of torchvision with an input of (batch, 3, image_size, image_size); see `model`.

    Raises:
        EtbenchError: of stage ``load``, also if the id is not that of a classifier.

    """
    ensure_importable()
    from torchvision import models

    _check_known(id, models.list_models(module=models), "classifier")
    return model(id=id, weights=weights, seed=seed, batch=batch, image_size=image_size, config=config)


def model(
    *,
    id: str,
    weights: str,
    seed: int,
    batch: int,
    image_size: int | None = None,
    part: str | None = None,
    config: dict[str, Any] | None = None,
) -> LoadedModel:
    """Return a model of torchvision, or a part of one, with an input of (batch, 3, image_size, image_size).

    Args:
        id: its name in `torchvision.models.list_models`.
        weights: ``random`` (with batch-norm statistics of real data), ``pretrained`` or a checkpoint's path.
        seed: of the random weights; the caller has set it.
        batch: images in one inference.
        image_size: pixels; None for 224.
        part: dotted name of the submodule that is measured, such as ``backbone``; it gets the images.
        config: further arguments of the model's builder.

    Raises:
        EtbenchError: of stage ``load`` for an unknown id or part, and for weights that are not available or
            do not fit.

    """
    ensure_importable()
    from torchvision import models

    _check_known(id, models.list_models(), "model")
    arguments = dict(config or {})
    size = image_size or SIZE
    for family, name in SIZED.items():
        if id.startswith(family) and size != SIZE:
            arguments[name] = size if name == "image_size" else (size, size)
    if "weights_backbone" in inspect.signature(models.get_model_builder(id)).parameters:
        arguments["weights_backbone"] = None  # otherwise it is downloaded
    with fetching(f"{id} (torchvision)", weights):
        whole = models.get_model(id, weights="DEFAULT" if weights == "pretrained" else None, **arguments)
    if weights not in ("random", "pretrained"):
        variants = Variants(
            lambda changes: models.get_model(id, weights=None, **arguments | changes),
            {"num_classes": None},
            config or {},
        )
        apply_checkpoint(whole, Path(weights), variants)
    module, inputs = part_of(whole, part), ImageInputs(size, batch)
    if weights == "random":
        estimate_statistics(module, inputs)
    logits_axis = 1 if part is None else None
    return LoadedModel(module, inputs, logits_axis=logits_axis, weights=weights)


def _check_known(id: str, names: list[str], what: str) -> None:
    if id not in names:
        raise EtbenchError(
            f"torchvision has no {what} {id!r}{nearest(id, names)}",
            stage="load",
            hint=f"check model.id; torchvision.models.list_models() lists them ({len(names)} {what}s)",
        )
