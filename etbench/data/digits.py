"""Handwritten digits: 1,797 images of 8 x 8 pixels with their classes, from the file that scikit-learn ships.

They are the test set of "Optical Recognition of Handwritten Digits" by E. Alpaydin and C. Kaynak (1998, UCI
Machine Learning Repository, CC BY 4.0). The split is fixed: the first 900 images train and calibrate, the
other 897 judge.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib.util
import io
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from etbench.errors import EtbenchError

__all__ = ["held_out", "training"]

SHA256 = "6ebb3d2fee246a4e99363262ddf8a00a3c41bee6014c373ed9d9216ba7f651b8"
SIDE, LEVELS = 8, 16
TRAIN = 900

Labelled = tuple[NDArray[np.float32], NDArray[np.int64]]


def training() -> Labelled:
    """Return the images and classes of the half that trains and calibrates; see `held_out`."""
    images, classes = _digits()
    return images[:TRAIN], classes[:TRAIN]


def held_out() -> Labelled:
    """Return the images and classes of the half that no network and no quantizer has seen.

    Returns:
        Images, float32 of shape (897, 1, 8, 8) from 0 to 1, and the classes, int64 of shape (897,).

    Raises:
        EtbenchError: if scikit-learn ships another file than the one that the network was trained with.

    """
    images, classes = _digits()
    return images[TRAIN:], classes[TRAIN:]


@cache
def _digits() -> tuple[NDArray[np.float32], NDArray[np.int64]]:
    path = _file()
    text = gzip.decompress(path.read_bytes())
    if hashlib.sha256(text).hexdigest() != SHA256:
        raise EtbenchError(
            f"{path}: not the handwritten digits that etbench was tested with",
            stage="load",
            hint="install scikit-learn again",
        )
    table = np.loadtxt(io.BytesIO(text), delimiter=",", dtype=np.float32)
    images = (table[:, :-1] / np.float32(LEVELS)).reshape(-1, 1, SIDE, SIDE)
    return images, table[:, -1].astype(np.int64)


def _file() -> Path:
    spec = importlib.util.find_spec("sklearn")  # importing it would take a second
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
