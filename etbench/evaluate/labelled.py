"""Labelled data of the user: a folder per class, arrays in a file, or a function that returns them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from etbench.config.component import instantiate
from etbench.config.sections import IMAGE_SUFFIXES
from etbench.data.images import read_image
from etbench.errors import EtbenchError
from etbench.evaluate.program import BuiltProgram
from etbench.models.inputs import ImageInputs
from etbench.text import and_more, shape_text

__all__ = ["LABELS", "Labelled", "centre", "encoder", "inputs_and_labels", "read_labelled", "refuse_unfit"]

LABELS = "labels"
FORMS = (
    "give a folder that has a folder of pictures for each class, an .npz with `labels` and the inputs, or "
    "the name of a function that returns inputs and labels"
)


@dataclass(frozen=True)
class Labelled:
    """Items with a label each.

    Args:
        labels: the class of each item, of shape (items,).
        inputs: returns the inputs of the items from one number to another, of shape (count, …).
        items: what tells the items of two data sets apart: the inputs, or the names of files.
        classes: how many classes the labels were counted from; None if they are given as numbers.

    """

    labels: NDArray[np.int64]
    inputs: Callable[[int, int], NDArray[Any]]
    items: Any
    classes: int | None = None


def read_labelled(data: str, program: BuiltProgram, *, crop: float) -> Labelled:
    """Read labelled data for a program with one input.

    Args:
        data: a folder, an ``.npz`` file, or the dotted name of a function without arguments.
        program: that the data are for.
        crop: see `etbench.evaluate.top1`.

    Raises:
        EtbenchError: of stage ``evaluate`` if it has another form, or does not fit the program.

    """
    refuse_unfit(program, "top1", crop)
    if Path(data).is_dir():
        return _pictures(Path(data), program, crop)
    return _labelled(data, program, *inputs_and_labels(data))


def refuse_unfit(program: BuiltProgram, function: str, crop: float) -> None:
    """Refuse a program with several inputs, and a crop that is not a share.

    Raises:
        EtbenchError: of stage ``evaluate``.

    """
    if not 0 < crop <= 1:
        raise EtbenchError(f"evaluate.crop={crop}: expected a share, above 0 and at most 1", stage="evaluate")
    if len(program.shapes) != 1:
        raise EtbenchError(
            f"the program takes {len(program.shapes)} inputs; {function} is for programs with one",
            stage="evaluate",
            hint="write a function of your own: evaluate._target_=my_module.my_function",
        )


def inputs_and_labels(data: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the inputs and the labels in a file, or those that a function returns.

    Raises:
        EtbenchError: of stage ``evaluate`` if it has or returns anything else.

    """
    if Path(data).exists():
        return _arrays(Path(data))
    found = instantiate(data, {}, stage="evaluate")
    if not isinstance(found, tuple) or len(found) != 2:
        raise EtbenchError(
            f"{data} returned {type(found).__name__}", stage="evaluate", hint="return inputs and labels"
        )
    inputs, labels = found
    return np.asarray(inputs), np.asarray(labels)


def _arrays(path: Path) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return the inputs and the labels in a file: `labels`, and the only other array, whatever its name."""
    try:
        with np.load(path, allow_pickle=False) as file:
            names = [name for name in file.files if name != LABELS]
            if len(names) == 1 and LABELS in file.files:
                return file[names[0]], file[LABELS]
            has = and_more(file.files) or "nothing"
    except Exception as error:  # numpy raises errors of many types for a file that it cannot read
        raise EtbenchError(
            f"{path}: cannot be read as .npz: {error}", stage="evaluate", hint=FORMS
        ) from error
    raise EtbenchError(
        f"{path} contains {has}; expected `{LABELS}` and one other array, the inputs", stage="evaluate"
    )


def _labelled(data: str, program: BuiltProgram, inputs: NDArray[Any], labels: NDArray[Any]) -> Labelled:
    """Check arrays; the inputs may have the batch axis of the program, as those of `calibration.npz`."""
    shape = program.shapes[0]
    if inputs.shape[1:] == shape:
        inputs = inputs.reshape(-1, *shape[1:])
    if inputs.shape[1:] != shape[1:]:
        raise EtbenchError(
            f"{data}: an item is {shape_text(inputs.shape[1:])}, but the model takes {shape_text(shape[1:])}",
            stage="evaluate",
        )
    if labels.ndim != 1 or not np.issubdtype(labels.dtype, np.integer):
        raise EtbenchError(
            f"{data}: labels must be integers of shape (items,), not {labels.dtype} of {labels.shape}",
            stage="evaluate",
        )
    if len(inputs) != len(labels) or not len(labels):
        raise EtbenchError(
            f"{data}: {len(inputs)} inputs and {len(labels)} labels; give as many of both, and at least one",
            stage="evaluate",
        )
    return Labelled(labels.astype(np.int64), lambda start, stop: inputs[start:stop], inputs)


def _pictures(folder: Path, program: BuiltProgram, crop: float) -> Labelled:
    """Read a folder with one folder per class: named by its number, or counted in the order of the names."""
    classes = sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith("."))
    numbered = all(path.name.isdecimal() for path in classes)
    found = [
        (file, int(inside.name) if numbered else number)
        for number, inside in enumerate(classes)
        for file in sorted(inside.rglob("*"))
        if file.suffix.lower() in IMAGE_SUFFIXES
    ]
    if not found:
        raise EtbenchError(f"{folder}: no picture in a folder of its class", stage="evaluate", hint=FORMS)
    encode = encoder(program, crop)
    return Labelled(
        np.array([label for _, label in found], dtype=np.int64),
        lambda start, stop: encode([file for file, _ in found[start:stop]]),
        [file.relative_to(folder).as_posix() for file, _ in found],
        None if numbered else len(classes),
    )


def encoder(program: BuiltProgram, crop: float) -> Callable[[list[Path]], NDArray[Any]]:
    """Return a function that prepares pictures as those are prepared that the model is fed with.

    Raises:
        EtbenchError: of stage ``evaluate`` if the model is not fed with photographs.

    """
    shape, normalization = program.shapes[0], program.normalization
    if normalization is None or len(shape) != 4 or shape[1] != 3 or shape[2] != shape[3]:
        raise EtbenchError(
            f"the model takes {shape_text(shape)} and is not fed with photographs, so it is not known how to "
            "prepare pictures for it",
            stage="evaluate",
            hint="give an .npz with `labels` and the inputs as the model takes them",
        )
    inputs = ImageInputs(shape[2], shape[0], normalization)

    def encode(files: list[Path]) -> NDArray[Any]:
        program.meets(files)
        squares = [centre(read_image(file, stage="evaluate"), crop) for file in files]
        (pixels,) = inputs.encode(squares)
        return pixels.numpy()

    return encode


def centre(image: Image.Image, crop: float) -> Image.Image:
    """Return the centre square whose side is that share of the shorter side."""
    side = max(1, round(min(image.size) * crop))
    left, top = (image.width - side) // 2, (image.height - side) // 2
    return image.crop((left, top, left + side, top + side))
