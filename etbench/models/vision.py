"""Photographs, normalized like those of a model's image processor in transformers."""

from __future__ import annotations

from typing import Any

from etbench.models.inputs import ImageInputs, Normalization

__all__ = ["image_inputs"]


def image_inputs(transformers: Any, settings: Any, source: str | None, size: int, batch: int) -> ImageInputs:
    """Return inputs of images.

    Args:
        transformers: the library.
        settings: the model's configuration.
        source: where the image processor is read from; None, or a source that has none, for the default of
            the model's type.
        size: side of the images, in pixels.
        batch: images in one inference.

    """
    processor = _processor(transformers, settings, source)
    return ImageInputs(size, batch, _normalization(processor) or Normalization())


def _processor(transformers: Any, settings: Any, source: str | None) -> Any:
    from transformers.models.auto.image_processing_auto import IMAGE_PROCESSOR_MAPPING

    if source is not None:
        try:
            return transformers.AutoImageProcessor.from_pretrained(source)
        except (OSError, ValueError):  # weights that were saved without one
            pass
    kinds = IMAGE_PROCESSOR_MAPPING.get(type(settings), {})  # one for each library that prepares images
    kind = kinds.get("pil") or kinds.get("torchvision")
    return kind() if kind else None


def _normalization(processor: Any) -> Normalization | None:
    """Return mean and standard deviation of a processor; None if it has none for three channels."""
    source = type(processor).__name__
    if getattr(processor, "do_normalize", None) is False:
        return Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0), f"{source} takes no")
    values = [getattr(processor, name, None) for name in ("image_mean", "image_std")]
    if any(not isinstance(value, (list, tuple)) or len(value) != 3 for value in values):
        return None
    mean, std = (tuple(float(number) for number in value) for value in values)  # type: ignore[union-attr]
    return Normalization(mean, std, f"{source}'s")  # type: ignore[arg-type]
