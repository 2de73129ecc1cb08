"""Accuracy of semantic segmentation on pictures whose pixels are labelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch.nn.functional import interpolate

from etbench.config.sections import IMAGE_SUFFIXES
from etbench.errors import EtbenchError
from etbench.evaluate.labelled import LABELS, centre, encoder, inputs_and_labels, refuse_unfit
from etbench.evaluate.program import BuiltProgram

__all__ = ["miou"]

IMAGES, MASKS = "images", "masks"
FORMS = (
    f"give a folder with the folders {IMAGES} and {MASKS}, whose files have the same names, an .npz with "
    f"`{LABELS}` and the inputs, or the name of a function that returns inputs and labels"
)
Pixels = NDArray[np.int64]


def miou(program: BuiltProgram, *, data: str, ignore: int = 255, crop: float = 1.0) -> dict[str, float]:
    """Return the mean intersection over union, and the share of pixels whose class is right.

    The mean is over the classes that occur among the labels or the predictions; the pixels of all items
    count together. The logits are scaled to the size of the labels (bilinear) before the class is chosen.

    Args:
        program: its first output is logits of shape (batch, classes, height, width), of any size.
        data: labelled data, in one of these forms:

            - a folder with the folders `images` and `masks`: pictures, and for each of them a picture of one
              channel (or with a palette) whose pixels are the numbers of the classes, ``cat.jpg`` and
              ``cat.png``;
            - an ``.npz`` file with `labels` of shape (items, height, width), and one array of inputs, of
              shape (items, …);
            - the dotted name of a function that returns such inputs and labels.

        ignore: a label of pixels that do not count.
        crop: of a picture in a folder, the side of the centre square that is used, as a share of its shorter
            side.

    Raises:
        EtbenchError: of stage ``evaluate`` if the data cannot be read or do not fit the program.

    """
    from sklearn.metrics import confusion_matrix  # takes half a second, and other functions do not need it

    refuse_unfit(program, "miou", crop)
    counted: Any = 0  # pixels, of shape (label, prediction)
    for item, labels in _items(data, program, crop):
        logits = _logits(program, item)
        predicted = _scaled(logits, labels.shape).argmax(axis=0)
        used = labels != ignore
        _check_labels(labels[used], len(logits), data)
        if used.any():
            counted = counted + confusion_matrix(labels[used], predicted[used], labels=range(len(logits)))
    if not np.any(counted):
        raise EtbenchError(f"{data}: no pixel has a label other than {ignore}", stage="evaluate", hint=FORMS)
    right = np.diag(counted)
    union = counted.sum(axis=0) + counted.sum(axis=1) - right
    occurs = union > 0
    return {
        "miou": float((right[occurs] / union[occurs]).mean()),
        "pixel_accuracy": float(right.sum() / counted.sum()),
    }


def _items(data: str, program: BuiltProgram, crop: float) -> Iterator[tuple[NDArray[Any], Pixels]]:
    """Yield the input of each item, without the batch axis, and its labels, of shape (height, width)."""
    if Path(data).is_dir():
        yield from _pictures(Path(data), program, crop)
        return
    inputs, labels = inputs_and_labels(data)
    if labels.ndim != 3 or not np.issubdtype(labels.dtype, np.integer) or len(labels) != len(inputs):
        raise EtbenchError(
            f"{data}: {len(inputs)} inputs, and labels are {labels.dtype} of shape {labels.shape}; expected "
            "integers of shape (items, height, width)",
            stage="evaluate",
        )
    yield from zip(inputs, labels.astype(np.int64), strict=True)


def _pictures(folder: Path, program: BuiltProgram, crop: float) -> Iterator[tuple[NDArray[Any], Pixels]]:
    masks = {path.stem: path for path in sorted((folder / MASKS).glob("*")) if path.is_file()}
    pictures = [path for path in sorted((folder / IMAGES).glob("*")) if path.suffix.lower() in IMAGE_SUFFIXES]
    if not pictures:
        raise EtbenchError(f"{folder}: no picture in {IMAGES}", stage="evaluate", hint=FORMS)
    if lacking := [path.name for path in pictures if path.stem not in masks]:
        raise EtbenchError(f"{folder}: no mask for {lacking[0]}", stage="evaluate", hint=FORMS)
    encode = encoder(program, crop)
    for path in pictures:
        with Image.open(masks[path.stem]) as mask:
            if len(mask.getbands()) != 1:
                raise EtbenchError(
                    f"{masks[path.stem]}: a mask has one channel with the numbers of the classes, not "
                    f"{''.join(mask.getbands())}",
                    stage="evaluate",
                )
            labels = np.asarray(centre(mask, crop), dtype=np.int64)
        yield encode([path])[0], labels


def _logits(program: BuiltProgram, item: NDArray[Any]) -> NDArray[np.float32]:
    """Return the logits of one item, of shape (classes, height, width); the batch is filled with it."""
    outputs = program(np.repeat(item[None], program.shapes[0][0], axis=0))[0]
    if outputs.ndim != 4:
        raise EtbenchError(
            f"the first output has the shape {outputs.shape}; miou needs logits of shape "
            "(batch, classes, height, width)",
            stage="evaluate",
            hint="write a function of your own: evaluate._target_=my_module.my_function",
        )
    logits: NDArray[np.float32] = outputs[0]
    return logits


def _scaled(logits: NDArray[np.float32], size: tuple[int, ...]) -> NDArray[np.float32]:
    if logits.shape[1:] == size:
        return logits
    scaled = interpolate(torch.from_numpy(logits)[None], size=size, mode="bilinear", align_corners=False)
    array: NDArray[np.float32] = scaled[0].numpy()
    return array


def _check_labels(labels: Pixels, classes: int, data: str) -> None:
    if labels.size and (labels.min() < 0 or labels.max() >= classes):
        raise EtbenchError(
            f"{data}: labels from {labels.min()} to {labels.max()}, but the model has the classes 0 to "
            f"{classes - 1}",
            stage="evaluate",
            hint="evaluate.ignore=N leaves out the pixels with the label N",
        )
