"""Accuracy of a classifier on labelled data."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from etbench.errors import EtbenchError
from etbench.evaluate.items import PerItem
from etbench.evaluate.labelled import Labelled, read_labelled
from etbench.evaluate.program import BuiltProgram

__all__ = ["top1"]


def top1(program: BuiltProgram, *, data: str, crop: float = 0.875) -> dict[str, PerItem]:
    """Return which items have their label as the class with the largest logit.

    Args:
        program: a classifier with one input; its first output is the logits, of shape (batch, classes).
        data: labelled data, in one of these forms:

            - a folder with one folder of pictures per class, named by the number of the class, or one folder
              for every class of the model in the order of the names;
            - an ``.npz`` file with `labels` of shape (items,), and one array of inputs, of shape (items, …)
              or with the batch axis of the model, (batches, batch, …);
            - the dotted name of a function that returns such inputs and labels.

        crop: of a picture in a folder, the side of the centre square that is used, as a share of its shorter
            side.

    Raises:
        EtbenchError: of stage ``evaluate`` if the data cannot be read or do not fit the program.

    """
    labelled = read_labelled(data, program, crop=crop)
    batch = program.shapes[0][0]
    starts = range(0, len(labelled.labels), batch)
    found = np.concatenate([_predicted(program, labelled, data, at, batch) for at in starts])
    return {"top1": PerItem(found == labelled.labels, labelled.labels, labelled.items)}


def _predicted(
    program: BuiltProgram, labelled: Labelled, data: str, start: int, batch: int
) -> NDArray[np.int64]:
    """Return the classes of one batch; the last one is filled up with its last item."""
    inputs = labelled.inputs(start, start + batch)
    count = len(inputs)
    if count < batch:
        inputs = np.concatenate([inputs, np.repeat(inputs[-1:], batch - count, axis=0)])
    logits = program(inputs)[0]
    if start == 0:
        _check_classes(labelled, logits, data, batch)
    return np.asarray(logits[:count].argmax(axis=1), dtype=np.int64)


def _check_classes(labelled: Labelled, logits: NDArray[np.float32], data: str, batch: int) -> None:
    """Check that the labels can be classes of the program."""
    if logits.ndim != 2 or len(logits) != batch:
        raise EtbenchError(
            f"the first output has the shape {logits.shape}; top1 needs logits of shape (batch, classes)",
            stage="evaluate",
            hint="write a function of your own: evaluate._target_=my_module.my_function",
        )
    classes, low, high = logits.shape[1], labelled.labels.min(), labelled.labels.max()
    if low < 0 or high >= classes:
        raise EtbenchError(
            f"{data}: labels from {low} to {high}, but the model has the classes 0 to {classes - 1}",
            stage="evaluate",
        )
    if labelled.classes not in (None, classes):
        raise EtbenchError(
            f"{data}: {labelled.classes} folders for the {classes} classes of the model, so it is not known "
            "which class each one is",
            stage="evaluate",
            hint="name each folder by the number of its class: 0, 1, …",
        )
