"""Photographs: the two that scikit-learn ships, or those in a folder of the user.

The bundled ones are "china.jpg" by danielbuechele and "flower.jpg" by vultilion, CC BY 2.0; see the
README beside them in scikit-learn.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from itertools import zip_longest
from pathlib import Path

import numpy as np
from PIL import Image

from etbench.config.sections import IMAGE_SUFFIXES
from etbench.errors import EtbenchError
from etbench.system.reading import open_regular

__all__ = ["crops", "image_paths", "photographs", "read_image", "sample"]

SMALLEST_SIDE = 0.4  # of the photograph's shorter side


def photographs(paths: Sequence[Path]) -> list[Image.Image]:
    """Return RGB images.

    Raises:
        EtbenchError: of stage ``calibrate`` if one cannot be read.

    """
    return [read_image(path) for path in paths]


def image_paths(folder: Path | None) -> list[Path]:
    """Return the paths of the images in a folder and its subfolders, by name.

    Args:
        folder: of the images; None for the two bundled ones.

    Raises:
        EtbenchError: of stage ``calibrate`` if there is none.

    """
    folder = folder or _bundled_folder()
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise EtbenchError(f"no image in {folder}", stage="calibrate", hint="add .jpg or .png files")
    return paths


def sample(paths: Sequence[Path], most: int, seed: int) -> list[Path]:
    """Take one path of each folder after another: subfolders are often classes, and none may be left out.

    Args:
        paths: of the images, as `image_paths` lists them.
        most: how many to take at most, since all are kept in memory at full resolution.
        seed: of the sample that is taken of more than `most` images.

    """
    random = np.random.default_rng(seed)
    folders: dict[Path, list[Path]] = {}
    for path in paths:
        folders.setdefault(path.parent, []).append(path)
    if len(paths) > most:
        folders = {
            folder: [inside[at] for at in random.permutation(len(inside))]
            for folder, inside in folders.items()
        }
    turns = zip_longest(*folders.values())
    return [path for turn in turns for path in turn if path is not None][:most]


def crops(images: list[Image.Image], count: int, *, seed: int) -> list[Image.Image]:
    """Return `count` random squares, one image after another; the same squares for the same seed."""
    random = np.random.default_rng(seed)
    squares = []
    for number in range(count):
        image = images[number % len(images)]
        shorter = min(image.size)
        side = max(1, int(shorter * random.uniform(SMALLEST_SIDE, 1.0)))
        left = int(random.integers(0, image.width - side + 1))
        top = int(random.integers(0, image.height - side + 1))
        squares.append(image.crop((left, top, left + side, top + side)))
    return squares


def _bundled_folder() -> Path:
    spec = importlib.util.find_spec("sklearn")  # importing it would take a second
    assert spec is not None and spec.origin is not None
    return Path(spec.origin).parent / "datasets" / "images"


def read_image(path: Path, stage: str = "calibrate") -> Image.Image:
    """Return an image in RGB.

    Raises:
        EtbenchError: of this stage if it cannot be read.

    """
    try:
        with open_regular(path) as file, Image.open(file) as image:
            return image.convert("RGB")
    except OSError as error:
        raise EtbenchError(
            f"cannot read the image {path}: {error}", stage=stage, hint="remove or repair it"
        ) from error
