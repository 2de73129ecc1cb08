"""The mean intersection over union, without a program: the logits are the channels of a picture."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from running import CONF

from etbench.errors import ConfigError, EtbenchError
from etbench.evaluate import BuiltProgram, miou
from etbench.models.inputs import Normalization
from etbench.preflight.command_line import check_command_line

PLAIN = Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


class Channels:
    """A program whose logits are the channels of its input, at a part of its size."""

    def __init__(self, step: int = 1) -> None:
        self.step = step

    def call(self, inputs: list[torch.Tensor], *, clone_outputs: bool) -> list[torch.Tensor]:
        return [inputs[0][:, :, :: self.step, :: self.step].contiguous()]


def _program(*shape: int, method: Any = None, normalization: Normalization | None = None) -> BuiltProgram:
    return BuiltProgram(method or Channels(), [torch.zeros(shape)], normalization)


def _one_hot(classes: np.ndarray, count: int = 3) -> np.ndarray:
    """Return logits of shape (items, count, height, width) whose largest one is the class."""
    return np.moveaxis(np.eye(count, dtype=np.float32)[classes], -1, 1)


LABELS = np.array([[[0, 0], [1, 1]], [[0, 0], [0, 255]]])
PREDICTED = np.array([[[0, 0], [1, 0]], [[0, 2], [0, 1]]])
# class 0: 4 of 5 labels right, 1 more predicted: 4/6; class 1: 1 of 2; class 2: 0 of 1; the pixel 255 is out
IOUS = (4 / 6, 1 / 2, 0)


@pytest.mark.parametrize("batch", [1, 2])
def test_each_class_that_occurs_counts_once_over_the_pixels_of_all_items(batch: int, tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=_one_hot(PREDICTED, 4), labels=LABELS.astype(np.uint8))
    found = miou(_program(batch, 4, 2, 2), data=str(tmp_path / "data.npz"))
    assert found == pytest.approx({"miou": np.mean(IOUS), "pixel_accuracy": 5 / 7})


def test_logits_are_scaled_to_the_size_of_the_labels(tmp_path: Path) -> None:
    classes = np.zeros((1, 8, 8), np.int64)
    classes[0, :, 4:] = 1
    np.savez(tmp_path / "data.npz", inputs=_one_hot(classes), labels=classes)
    found = miou(_program(1, 3, 8, 8, method=Channels(step=4)), data=str(tmp_path / "data.npz"))
    assert found == {"miou": 1.0, "pixel_accuracy": 1.0}


def _folder(path: Path, mode: str = "L") -> str:
    """Write a picture that is red on the left and green on the right, and its mask."""
    for name in ("images", "masks"):
        (path / name).mkdir()
    picture = Image.new("RGB", (8, 8), (255, 0, 0))
    picture.paste((0, 255, 0), (4, 0, 8, 8))
    picture.save(path / "images" / "a.png")
    mask = Image.new(mode, (16, 16), 0)
    mask.paste(1 if mode == "L" else (1, 1, 1), (8, 0, 16, 16))
    mask.save(path / "masks" / "a.png")
    return str(path)


def test_a_folder_of_pictures_and_masks_is_prepared_as_the_model_takes_them(tmp_path: Path) -> None:
    program = _program(1, 3, 4, 4, normalization=PLAIN)
    assert miou(program, data=_folder(tmp_path)) == {"miou": 1.0, "pixel_accuracy": 1.0}


def test_data_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    pictures = _program(1, 3, 4, 4, normalization=PLAIN)
    with pytest.raises(EtbenchError, match="a mask has one channel"):
        miou(pictures, data=_folder(tmp_path, "RGB"))
    (tmp_path / "masks" / "a.png").unlink()
    with pytest.raises(EtbenchError, match=r"no mask for a\.png"):
        miou(pictures, data=str(tmp_path))
    file = str(tmp_path / "data.npz")
    np.savez(file, inputs=_one_hot(PREDICTED), labels=LABELS)
    with pytest.raises(EtbenchError, match="labels from 0 to 255, but the model has the classes 0 to 2"):
        miou(_program(1, 3, 2, 2), data=file, ignore=254)
    np.savez(file, inputs=_one_hot(PREDICTED), labels=np.full_like(LABELS, 255))
    with pytest.raises(EtbenchError, match="no pixel has a label other than 255"):
        miou(_program(1, 3, 2, 2), data=file)
    np.savez(file, inputs=_one_hot(PREDICTED), labels=LABELS[:, 0])
    with pytest.raises(EtbenchError, match=r"expected integers of shape \(items, height, width\)"):
        miou(_program(1, 3, 2, 2), data=file)


def test_a_folder_without_masks_is_refused_before_the_build(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    command = ["--config-dir", str(CONF), "model=tiny", "evaluate=miou", f"evaluate.data={tmp_path}"]
    with pytest.raises(ConfigError, match="contains no folder masks"):
        check_command_line(command)
    with pytest.raises(ConfigError, match=r"evaluate\.data is required: .* the folders images and masks"):
        check_command_line(command[:-1])
