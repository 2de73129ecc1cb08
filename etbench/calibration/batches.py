"""Encode photographs or sentences as one reference batch and a number of calibration batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from etbench.config import Calibration
from etbench.data import crops, photographs, sentences
from etbench.models.inputs import ImageInputs, Inputs, TextInputs

__all__ = ["Batches", "read_batches"]


@dataclass(frozen=True)
class Batches:
    """Inputs of real data.

    Args:
        references: what the program is compared with eager on; the first is also exported and timed with.
        calibration: what the observers of static int8 see.
        description: where they come from, for the result.

    """

    references: Sequence[tuple[Tensor, ...]]
    calibration: Sequence[tuple[Tensor, ...]]
    description: str


def read_batches(calibration: Calibration, inputs: Inputs) -> Batches:
    """Read the data that fits the kind of inputs the model takes.

    Raises:
        EtbenchError: of stage ``calibrate`` if the user's folder or file cannot be used.

    """
    count = inputs.batch * (calibration.references + calibration.batches)
    if isinstance(inputs, ImageInputs):
        folder = calibration.images
        images = photographs(Path(folder) if folder else None)
        items: list[Any] = crops(images, count, seed=calibration.seed)
        source = f"{len(images)} images of {folder}" if folder else "photographs of scikit-learn (CC BY 2.0)"
    elif isinstance(inputs, TextInputs):
        file = calibration.text
        lines = sentences(Path(file) if file else None)
        items = [lines[number % len(lines)] for number in range(count)]
        source = f"{len(lines)} lines of {file}" if file else "sentences of public-domain books"
    else:
        return Batches([inputs.tensors], [inputs.tensors], inputs.description)
    batches = [inputs.encode(items[i : i + inputs.batch]) for i in range(0, len(items), inputs.batch)]
    split = calibration.references
    return Batches(batches[:split], batches[split:], f"{source}; {inputs.description}")
