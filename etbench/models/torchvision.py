"""Image classifiers of torchvision."""

from __future__ import annotations

from pathlib import Path

from etbench.errors import EtbenchError, nearest
from etbench.models.batchnorm import estimate_statistics
from etbench.models.inputs import ImageInputs
from etbench.models.loading import LoadedModel
from etbench.models.torchvision_ops import ensure_importable
from etbench.models.weights import apply_checkpoint, unreachable

__all__ = ["classifier"]


def classifier(*, id: str, weights: str, seed: int, batch: int, image_size: int) -> LoadedModel:
    """Return a classifier of torchvision with an input of (batch, 3, image_size, image_size).

    Args:
        id: its name in `torchvision.models`.
        weights: ``random`` (with live batch-norm statistics), ``pretrained`` or a checkpoint's path.
        seed: of the random weights; the caller has set it.
        batch: images in one inference.
        image_size: pixels.

    Raises:
        EtbenchError: of stage ``load`` for an unknown id, unreachable or unfitting weights.

    """
    ensure_importable()
    from torchvision import models

    if id not in models.list_models(module=models):
        names = models.list_models(module=models)
        raise EtbenchError(
            f"torchvision has no classifier {id!r}{nearest(id, names)}", stage="load", hint="see model.id"
        )
    if weights == "pretrained":
        try:
            module = models.get_model(id, weights="DEFAULT")
        except Exception as error:
            raise unreachable(f"torchvision's {id}", error) from error
    else:
        module = models.get_model(id, weights=None)
    if weights == "random":
        estimate_statistics(module, image_size)
    elif weights != "pretrained":
        apply_checkpoint(module, Path(weights))
    return LoadedModel(module, ImageInputs(image_size, batch), logits_axis=1, weights=weights)
