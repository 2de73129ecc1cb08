"""The user's own inputs: an ``.npz`` file with one array per input of the model."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from etbench.errors import EtbenchError, nearest
from etbench.system.reading import open_regular
from etbench.text import shape_text

__all__ = ["read_arrays"]

UNNAMED = re.compile(r"arr_(\d+)")  # how numpy.savez names arrays without a name


def read_arrays(path: Path, names: Sequence[str], example: Sequence[Tensor]) -> list[tuple[Tensor, ...]]:
    """Return the batches of a file, each with the inputs in the order of the model.

    The arrays have the names of the model's inputs, or no names (``arr_0``, ``arr_1`` …) and the model's
    order. The first axis counts the batches; the other axes are the shape of the input.

    Args:
        path: of the file.
        names: of the model's inputs, as in its `forward`.
        example: a batch with the shapes and dtypes that the model takes.

    Raises:
        EtbenchError: of stage ``calibrate``, with each array that is missing or unexpected, or that has
            another shape or dtype than the model takes.

    """
    with open_regular(path) as opened, np.load(opened, allow_pickle=False) as file:
        arrays = {name: file[name] for name in file.files}
    names = list(names)[: len(example)]
    if len(names) < len(example) or all(UNNAMED.fullmatch(key) for key in arrays):
        names = [f"arr_{number}" for number in range(len(example))]
    faults = [f"it has no array {name!r}{nearest(name, arrays)}" for name in names if name not in arrays]
    faults += [f"{key!r} is not an input of the model" for key in arrays if key not in names]
    for name, tensor in zip(names, example, strict=True):
        if name in arrays:
            given, wanted = _described(arrays[name][0]), _described(tensor)
            if given != wanted:
                faults.append(f"a batch of {name!r} is {given}, but the model takes {wanted}")
    if faults:
        raise EtbenchError(
            f"calibration.npz={path} does not fit the model: {'; '.join(faults)}",
            stage="calibrate",
            hint=f"the model takes {', '.join(names)}; the first axis of each array counts the batches",
        )
    tensors = [torch.from_numpy(arrays[name]) for name in names]
    return [tuple(tensor[number] for tensor in tensors) for number in range(len(tensors[0]))]


def _described(array: np.ndarray | Tensor) -> str:
    """Return dtype and shape, such as ``float32 1x3x224x224``."""
    return f"{str(array.dtype).removeprefix('torch.')} {shape_text(array.shape)}"
