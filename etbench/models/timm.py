"""Any model of timm (PyTorch Image Models), which is an optional dependency: the extra ``timm``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from etbench.errors import EtbenchError, nearest
from etbench.models.batchnorm import estimate_statistics
from etbench.models.inputs import ImageInputs, Normalization
from etbench.models.loading import LoadedModel
from etbench.models.torchvision_ops import ensure_importable
from etbench.models.variants import Variants
from etbench.models.weights import apply_checkpoint, fetching

__all__ = ["model"]


def model(
    *,
    id: str,
    weights: str,
    seed: int,
    batch: int,
    image_size: int | None = None,
    config: dict[str, Any] | None = None,
) -> LoadedModel:
    """Return a model of timm with an input of (batch, 3, image_size, image_size).

    Args:
        id: its name in `timm.list_models`, with or without the tag of its weights.
        weights: ``random`` (with batch-norm statistics of real data), ``pretrained`` or a checkpoint's path.
        seed: of the random weights; the caller has set it.
        batch: images in one inference.
        image_size: pixels; None for the model's default.
        config: further arguments of `timm.create_model`, such as ``features_only: true``.

    Raises:
        EtbenchError: of stage ``load`` for an unknown id, and for weights that are not available or that do
            not fit.

    """
    ensure_importable()
    import timm

    if not timm.is_model(id):
        names = timm.list_models()
        raise EtbenchError(
            f"timm has no model {id!r}{nearest(id, names)}",
            stage="load",
            hint=f"check model.id; timm.list_models() lists all {len(names)} models",
        )
    arguments = dict(config or {})
    made_for = timm.models.get_pretrained_cfg(id)
    size = image_size or (made_for.input_size[-1] if made_for else 224)
    if image_size and made_for and made_for.fixed_input_size:
        arguments["img_size"] = image_size
    with fetching(f"{id} (timm)", weights):
        module = timm.create_model(id, pretrained=weights == "pretrained", **arguments)
    inputs = ImageInputs(size, batch, _normalization(made_for))
    if weights == "random":
        estimate_statistics(module, inputs)
    elif weights != "pretrained":
        variants = Variants(
            lambda changes: timm.create_model(id, **arguments | changes), {"num_classes": None}, config or {}
        )
        apply_checkpoint(module, Path(weights), variants)
    logits = None if arguments.get("features_only") or arguments.get("num_classes") == 0 else 1
    return LoadedModel(module, inputs, logits_axis=logits, weights=weights)


def _normalization(made_for: Any) -> Normalization:
    """Return the mean and standard deviation that the published weights were trained with."""
    if not made_for:
        return Normalization()
    own = Normalization(tuple(made_for.mean), tuple(made_for.std), "timm's")
    usual = Normalization()
    return usual if (own.mean, own.std) == (usual.mean, usual.std) else own
