"""Make reference batches and calibration batches of photographs, sentences or the user's own arrays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import msgspec
from torch import Tensor

from etbench.calibration.arrays import read_arrays
from etbench.config import Calibration
from etbench.data import crops, image_paths, photographs, sentences
from etbench.models.inputs import ImageInputs, Inputs, PromptInputs, TextInputs, contiguous
from etbench.text import counted

__all__ = ["Batches", "read_batches"]


@dataclass(frozen=True)
class Batches:
    """Inputs of real data.

    Args:
        references: for comparing the program with eager; the first is also used for export and timing.
        calibration: for the observers of static int8.
        description: where the batches come from, for the result.

    """

    references: Sequence[tuple[Tensor, ...]]
    calibration: Sequence[tuple[Tensor, ...]]
    description: str


def read_batches(calibration: Calibration, inputs: Inputs, names: Sequence[str] = ()) -> Batches:
    """Read data of the kind that the model takes.

    Args:
        calibration: what to read, and how many batches.
        inputs: what the model takes.
        names: of the model's inputs, which `calibration.npz` uses for its arrays.

    Raises:
        EtbenchError: of stage ``calibrate`` if the user's folder or file cannot be used.

    """
    if calibration.npz:
        found = _own_batches(calibration, calibration.npz, inputs, names)
    else:
        found = _usual_batches(calibration, inputs)
    return Batches(
        [contiguous(batch) for batch in found.references],
        [contiguous(batch) for batch in found.calibration],
        found.description,
    )


def _usual_batches(calibration: Calibration, inputs: Inputs) -> Batches:
    count = inputs.batch * (calibration.references + calibration.batches)
    split = calibration.references
    if isinstance(inputs, PromptInputs):
        prompts = inputs.draw(count, calibration.seed)
        return Batches(prompts[:split], prompts[split:], inputs.description)
    if isinstance(inputs, ImageInputs):
        folder = calibration.images
        paths = image_paths(Path(folder) if folder else None)
        images = photographs(paths, count, calibration.seed)
        items: list[Any] = crops(images, count, seed=calibration.seed)
        total = counted(len(paths), "image")
        used = total if len(images) == len(paths) else f"{len(images)} of {total}"
        source = f"{used} of {folder}" if folder else "photographs of scikit-learn (CC BY 2.0)"
    elif isinstance(inputs, TextInputs):
        file = calibration.text
        lines = sentences(Path(file) if file else None)[:count]
        items = [lines[number % len(lines)] for number in range(count)]
        source = f"{len(lines)} lines of {file}" if file else "sentences of public-domain books"
    else:
        return Batches([inputs.tensors], [inputs.tensors], inputs.description)
    batches = [inputs.encode(items[i : i + inputs.batch]) for i in range(0, len(items), inputs.batch)]
    return Batches(batches[:split], batches[split:], f"{source}; {inputs.description}")


def _own_batches(calibration: Calibration, npz: str, inputs: Inputs, names: Sequence[str]) -> Batches:
    """Take the batches of the user's file in order, and start over if they are too few."""
    usual = _usual_batches(msgspec.structs.replace(calibration, references=1, batches=1), inputs)
    own = read_arrays(Path(npz), names, usual.references[0])
    split = calibration.references
    batches = list(islice(cycle(own), split + calibration.batches))
    return Batches(batches[:split], batches[split:], f"{npz}, which has {len(own)}")
