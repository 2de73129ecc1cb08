"""Labelled data in all forms, without a program: here the logits are the first numbers of an item."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from etbench.calibration.items import input_digests, picture_digest
from etbench.errors import EtbenchError
from etbench.evaluate import BuiltProgram, PerItem, top1
from etbench.evaluate.program import CalibrationItems
from etbench.measure.passes.evaluation import item_answers
from etbench.models.inputs import Normalization

PLAIN = Normalization((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


@dataclass
class Logits:
    """A program whose outputs are the first numbers of each item."""

    classes: int = 3

    def call(self, inputs: list[torch.Tensor], *, clone_outputs: bool) -> list[torch.Tensor]:
        return [inputs[0].flatten(1)[:, : self.classes]]


class Reddest:
    """A program with three logits: how red, green and blue the pixel in the middle is."""

    def call(self, inputs: list[torch.Tensor], *, clone_outputs: bool) -> list[torch.Tensor]:
        (pixels,) = inputs
        return [pixels[:, :, pixels.shape[2] // 2, pixels.shape[3] // 2]]


def _program(*shape: int, method: Any = None, normalization: Normalization | None = None) -> BuiltProgram:
    return BuiltProgram(method or Logits(), [torch.zeros(shape)], normalization)


ITEMS = np.eye(3, dtype=np.float32)[[0, 1, 2, 2, 0]]
LABELS = np.array([0, 1, 2, 1, 0])


def labelled() -> tuple[np.ndarray, np.ndarray]:
    """Items as a function returns them."""
    return ITEMS, LABELS


def not_labelled() -> np.ndarray:
    return ITEMS


def _right(found: dict[str, PerItem]) -> list[bool]:
    return list(found["top1"].correct)


@pytest.mark.parametrize("batch", [1, 2, 5, 8])
@pytest.mark.parametrize(
    "arrays",
    [
        {"inputs": ITEMS, "labels": LABELS},
        {"labels": LABELS.astype(np.uint8), "images": ITEMS.astype(np.float64)},
    ],
    ids=["inputs", "of another name and dtype"],
)
def test_arrays_are_judged_item_by_item_at_any_batch_size(
    arrays: dict[str, np.ndarray], batch: int, tmp_path: Path
) -> None:
    np.savez(tmp_path / "data.npz", **arrays)
    found = top1(_program(batch, 3), data=str(tmp_path / "data.npz"))
    assert _right(found) == [True, True, True, False, True]


def test_arrays_may_have_the_batch_axis_that_calibration_npz_has(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", x=ITEMS[:4].reshape(2, 2, 3), labels=LABELS[:4])
    assert _right(top1(_program(2, 3), data=str(tmp_path / "data.npz"))) == [True, True, True, False]


def test_a_function_returns_inputs_and_labels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(Path(__file__).parent)
    found = top1(_program(1, 3), data="test_labelled.labelled")
    assert _right(found) == [True, True, True, False, True]
    with pytest.raises(EtbenchError, match="not_labelled returned ndarray"):
        top1(_program(1, 3), data="test_labelled.not_labelled")


COLORS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}


def _pictures(folder: Path, classes: dict[str, Sequence[str]]) -> Path:
    """Write pictures 20 pixels wide and 10 high, of one color in the middle and black outside of it."""
    for name, colors in classes.items():
        (folder / name).mkdir(parents=True)
        for number, color in enumerate(colors):
            picture = Image.new("RGB", (20, 10))
            picture.paste(COLORS[color], (6, 1, 14, 9))
            picture.save(folder / name / f"{number}.png")
    return folder


@pytest.mark.parametrize(
    "classes",
    [
        {"a red": ["red", "red"], "b green": ["blue"], "c blue": ["blue"]},
        {"2": ["blue"], "0": ["red", "red"], "1": ["blue"]},
    ],
    ids=["in the order of names", "by number"],
)
def test_a_folder_of_pictures_per_class_is_prepared_as_the_model_takes_them(
    classes: dict[str, Sequence[str]], tmp_path: Path
) -> None:
    folder = _pictures(tmp_path / "data", classes)
    program = _program(2, 3, 4, 4, method=Reddest(), normalization=PLAIN)
    assert _right(top1(program, data=str(folder))) == [True, True, False, True]
    seen = []
    monitored = type(
        "Seen", (), {"call": lambda _, x, clone_outputs: seen.append(x[0]) or [x[0][:, :, 2, 2]]}
    )
    top1(_program(1, 3, 4, 4, method=monitored(), normalization=PLAIN), data=str(folder), crop=0.8)
    assert [float(one.amax(dim=(2, 3)).sum()) for one in seen] == [1.0] * 4  # one color, and no black around
    assert [float(one.sum()) for one in seen] == [16.0] * 4


def _with_number(folder: Path) -> str:
    return str(_pictures(folder / "data", {"0": ["red"], "7": ["blue"]}))


def _one_class_less(folder: Path) -> str:
    return str(_pictures(folder / "data", {"cat": ["red"], "dog": ["blue"]}))


def _broken_picture(folder: Path) -> str:
    _pictures(folder / "data", {"0": ["red"]})
    (folder / "data" / "0" / "x.png").write_bytes(b"no picture")
    return str(folder / "data")


def _without_pictures(folder: Path) -> str:
    (folder / "data" / "0").mkdir(parents=True)
    return str(folder / "data")


def _npz(**arrays: Any) -> Callable[[Path], str]:
    def write(folder: Path) -> str:
        np.savez(folder / "data.npz", **arrays)
        return str(folder / "data.npz")

    return write


def _no_npz(folder: Path) -> str:
    (folder / "data.npz").write_text("no archive")
    return str(folder / "data.npz")


@pytest.mark.parametrize(
    ("write", "words"),
    [
        (_with_number, "labels from 0 to 7, but the model has the classes 0 to 2"),
        (_one_class_less, "2 folders for the 3 classes of the model"),
        (_broken_picture, "cannot read the image"),
        (_without_pictures, "no picture in a folder of its class"),
        (_npz(labels=LABELS), "contains labels; expected `labels` and one other array"),
        (_npz(labels=LABELS, a=ITEMS, b=ITEMS), "contains labels, a, b; expected"),
        (_npz(labels=LABELS, x=ITEMS[:, :2]), "an item is 2, but the model takes 3x4x4"),
        (_npz(labels=LABELS.reshape(-1, 1), x=np.zeros((5, 3, 4, 4))), "labels must be integers of shape"),
        (_npz(labels=LABELS / 2, x=np.zeros((5, 3, 4, 4))), "labels must be integers of shape"),
        (_npz(labels=LABELS[:3], x=np.zeros((5, 3, 4, 4))), "5 inputs and 3 labels"),
        (_npz(labels=LABELS[:0], x=np.zeros((0, 3, 4, 4))), "0 inputs and 0 labels"),
        (_npz(labels=LABELS - 1, x=np.zeros((5, 3, 4, 4))), "labels from -1 to 1"),
        (_no_npz, "cannot be read as .npz"),
    ],
)
def test_data_that_do_not_fit_are_refused_with_what_is_wrong(
    write: Callable[[Path], str], words: str, tmp_path: Path
) -> None:
    program = _program(1, 3, 4, 4, method=Reddest(), normalization=PLAIN)
    with pytest.raises(EtbenchError, match=words) as raised:
        top1(program, data=write(tmp_path))
    assert raised.value.stage == "evaluate"


def test_a_program_that_top1_cannot_judge_is_refused(tmp_path: Path) -> None:
    data = _npz(labels=LABELS, x=ITEMS)(tmp_path)
    two = BuiltProgram(Logits(), [torch.zeros(1, 3)] * 2)
    with pytest.raises(EtbenchError, match="takes 2 inputs"):
        top1(two, data=data)
    pictures = _pictures(tmp_path / "pictures", {"0": ["red"]})
    with pytest.raises(EtbenchError, match="not fed with photographs"):
        top1(_program(1, 3, 4, 4, method=Reddest()), data=str(pictures))
    maps = type("Maps", (), {"call": lambda _, inputs, clone_outputs: [inputs[0].reshape(1, 1, 3)]})
    with pytest.raises(EtbenchError, match="top1 needs logits"):
        top1(_program(1, 3, method=maps()), data=data)
    with pytest.raises(EtbenchError, match=r"evaluate\.crop=2"):
        top1(_program(1, 3), data=data, crop=2)


def test_items_are_the_same_only_with_equal_labels_and_inputs() -> None:
    correct = np.array([True, False, True])
    found = [
        item_answers("top1", PerItem(correct, labels, items)).items_sha256
        for labels, items in (
            (np.arange(3), None),
            ([0, 1, 2], None),
            (np.arange(3)[::-1], None),
            (np.arange(3), ITEMS[:3]),
            (np.arange(3), ITEMS[1:4]),
            (np.arange(3), ["a", "b", "c"]),
        )
    ]
    assert found[0] == found[1]
    assert len(set(found)) == 5


@pytest.mark.parametrize(
    ("correct", "labels"),
    [([1, 0], [0, 1]), ([True], [0, 1]), ([], []), ([[True]], [0])],
    ids=["no booleans", "more labels", "no items", "two axes"],
)
def test_answers_that_are_not_one_boolean_per_label_are_refused(
    correct: list[Any], labels: list[int]
) -> None:
    with pytest.raises(EtbenchError, match="`correct` is"):
        item_answers("top1", PerItem(correct, labels))


def test_it_is_noted_which_items_the_program_was_calibrated_on(tmp_path: Path) -> None:
    np.savez(tmp_path / "data.npz", inputs=ITEMS, labels=LABELS)
    known = frozenset(input_digests([torch.from_numpy(np.concatenate([ITEMS[:2], ITEMS[:1] + 1]))]))
    program = BuiltProgram(Logits(), [torch.zeros(2, 3)], None, CalibrationItems(inputs=known))
    top1(program, data=str(tmp_path / "data.npz"))
    assert len(program.met) == 2, "the third one is not in the data"

    folder = _pictures(tmp_path / "data", {"0": ["red", "blue"], "1": ["green"], "2": ["blue"]})
    pictures = frozenset({picture_digest(folder / "0" / "0.png"), "of another picture"})
    calibrated = CalibrationItems(pictures=pictures)
    program = BuiltProgram(Reddest(), [torch.zeros(2, 3, 4, 4)], PLAIN, calibrated)
    top1(program, data=str(folder))
    assert len(program.met) == 1
