"""Accuracy of a classifier on labelled arrays."""

from __future__ import annotations

import numpy as np

from etbench.errors import EtbenchError
from etbench.evaluate.program import BuiltProgram

__all__ = ["top1"]


def top1(program: BuiltProgram, *, data: str) -> dict[str, float]:
    """Return the share of items whose largest logit is that of their label, and the number of items.

    Args:
        program: a classifier with one input; its first output is the logits, of shape (batch, classes).
        data: an ``.npz`` file with `inputs` of shape (items, …) and `labels` of shape (items,). Items beyond
            the last full batch are left out.

    Raises:
        EtbenchError: of stage ``evaluate`` if the file does not contain these arrays.

    """
    with np.load(data, allow_pickle=False) as file:
        if missing := {"inputs", "labels"} - set(file.files):
            raise EtbenchError(f"{data}: missing arrays: {', '.join(sorted(missing))}", stage="evaluate")
        inputs, labels = file["inputs"], file["labels"]
    if labels.ndim != 1:  # compared with (items,) they would broadcast, to a share of items x items
        raise EtbenchError(f"{data}: labels must have shape (items,), not {labels.shape}", stage="evaluate")
    batch = program.shapes[0][0]
    items = len(labels) // batch * batch
    if len(inputs) != len(labels) or not items:
        raise EtbenchError(
            f"{data}: {len(inputs)} inputs and {len(labels)} labels; the numbers must be equal, and at least "
            f"{batch} (the batch size)",
            stage="evaluate",
        )
    starts = range(0, items, batch)
    found = np.concatenate([program(inputs[at : at + batch])[0].argmax(axis=1) for at in starts])
    return {"top1": float(np.mean(found == labels[:items])), "items": float(items)}
