"""Which data a model is shown."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from etbench.calibration import read_batches
from etbench.config import Calibration
from etbench.errors import ConfigError, EtbenchError
from etbench.models.inputs import FixedInputs, ImageInputs, Normalization, TextInputs
from etbench.models.tokens import offline_tokenizer
from etbench.preflight.command_line import check_command_line

TEXT = TextInputs(offline_tokenizer(seq_len=8, pad=0), "a tokenizer of a test", 2)


def _samples(**changes: object) -> Calibration:
    return Calibration(**({"references": 2, "batches": 3, "seed": 0} | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize("inputs", [ImageInputs(32, batch=2), TEXT], ids=["images", "text"])
def test_batches_are_as_many_and_as_large_as_asked_and_all_different(
    inputs: ImageInputs | TextInputs,
) -> None:
    batches = read_batches(_samples(), inputs)
    assert (len(batches.references), len(batches.calibration)) == (2, 3)
    firsts = [batch[0] for batch in [*batches.references, *batches.calibration]]
    assert {tensor.shape[0] for tensor in firsts} == {2}
    assert len({tensor.numpy().tobytes() for tensor in firsts}) == 5


def test_the_description_says_whose_data_it_is(tmp_path: Path) -> None:
    assert "scikit-learn (CC BY 2.0)" in read_batches(_samples(), ImageInputs(32)).description
    assert "public-domain books" in read_batches(_samples(), TEXT).description
    Image.new("RGB", (64, 64), "green").save(tmp_path / "own.png")
    own = read_batches(_samples(images=str(tmp_path)), ImageInputs(32))
    assert own.description.startswith(f"1 image of {tmp_path}")
    assert torch.unique(own.references[0][0]).numel() == 3  # one colour: one value a channel
    (tmp_path / "own.txt").write_text("Just one sentence.\n")
    text = read_batches(_samples(text=str(tmp_path / "own.txt")), TEXT)
    assert text.description.startswith(f"1 lines of {tmp_path / 'own.txt'}")
    assert torch.equal(text.references[0][0], text.calibration[0][0])


def test_no_more_pictures_are_read_than_are_used_and_those_are_counted(tmp_path: Path) -> None:
    for number in range(4):
        _picture(tmp_path / f"{number}.png", red=number)
    asked = _samples(images=str(tmp_path), references=1, batches=2)
    found = _reds(asked)
    (left_out,) = set(range(4)) - set(found)
    (tmp_path / f"{left_out}.png").write_bytes(b"never read")
    assert _reds(asked) == found, "the same sample for the same seed"
    assert read_batches(asked, ImageInputs(32)).description.startswith(f"3 of 4 images of {tmp_path}")


def test_pictures_come_from_all_subfolders_alike(tmp_path: Path) -> None:
    for folder in range(3):
        (tmp_path / str(folder)).mkdir()
        for number in range(5):
            _picture(tmp_path / str(folder) / f"{number}.png", red=10 * folder + number)
    found = _reds(_samples(images=str(tmp_path), references=1, batches=5))
    assert len(set(found)) == 6
    assert [red // 10 for red in found] == [0, 1, 2, 0, 1, 2]
    whole = _reds(_samples(images=str(tmp_path), references=3, batches=12))
    assert sorted(whole) == [10 * folder + number for folder in range(3) for number in range(5)]


def _picture(path: Path, *, red: int) -> None:
    Image.new("RGB", (64, 64), (red, 0, 0)).save(path)


def _reds(calibration: Calibration) -> list[int]:
    """Return the red of each picture that is read, in order."""
    plain = Normalization((0.0,) * 3, (1 / 255,) * 3)
    batches = read_batches(calibration, ImageInputs(32, normalization=plain))
    assert "the model's own mean" in batches.description
    return [round(float(batch[0][0, 0].mean())) for batch in [*batches.references, *batches.calibration]]


def test_example_inputs_of_a_model_of_ones_own_serve_for_both() -> None:
    example = (torch.randn(2, 3),)
    batches = read_batches(_samples(), FixedInputs(example))
    for kind in (batches.references, batches.calibration):
        assert len(kind) == 1
        assert torch.equal(kind[0][0], example[0])


IDS = np.arange(6 * 2 * 8).reshape(6, 2, 8)


def _own(tmp_path: Path, *arrays: np.ndarray, **named: np.ndarray) -> Calibration:
    path = tmp_path / "own.npz"
    np.savez(path, *arrays, **named)
    return _samples(npz=str(path))


def test_arrays_are_taken_by_the_names_of_the_inputs_whatever_their_order(tmp_path: Path) -> None:
    own = _own(tmp_path, mask=np.ones_like(IDS), ids=IDS)
    batches = read_batches(own, TEXT, ["ids", "mask"])
    assert [batch[0].tolist() for batch in batches.references] == IDS[:2].tolist()
    assert [batch[0].tolist() for batch in batches.calibration] == IDS[2:5].tolist()
    assert all(bool((batch[1] == 1).all()) for batch in batches.references)
    assert batches.description == f"{tmp_path / 'own.npz'}, which has 6"


def test_arrays_without_a_name_are_in_the_order_of_the_inputs_and_few_are_used_again(tmp_path: Path) -> None:
    batches = read_batches(_own(tmp_path, IDS[:2], IDS[:2] + 1), TEXT, ["ids", "mask"])
    assert [len(batches.references), len(batches.calibration)] == [2, 3]
    assert torch.equal(batches.calibration[0][0], batches.references[0][0])
    assert torch.equal(batches.references[0][1], batches.references[0][0] + 1)


def test_every_array_that_does_not_fit_is_named(tmp_path: Path) -> None:
    own = _own(tmp_path, idz=IDS.astype(np.float64), mask=np.ones((6, 2, 9), np.float32))
    with pytest.raises(EtbenchError) as caught:
        read_batches(own, TEXT, ["ids", "mask"])
    assert caught.value.stage == "calibrate"
    for words in (
        "it has no array 'ids' (did you mean 'idz'?)",
        "'idz' is not an input of the model",
        "a batch of 'mask' is float32 2x9, but the model takes int64 2x8",
    ):
        assert words in caught.value.message


@pytest.mark.parametrize(
    ("arrays", "words"),
    [
        ({}, "contains no array"),
        ({"x": np.zeros((0, 3))}, "no batch in x"),
        ({"x": np.float32(1)}, "no batch in x"),
        ({"x": np.zeros((2, 3)), "y": np.zeros((3, 3))}, "x has 2, y has 3"),
        ({"x": np.array(["a"])}, "x.npy has dtype <U1"),
        ({"x": np.array([None])}, "x.npy has dtype object"),
    ],
    ids=["empty", "no batch", "scalar", "uneven", "text", "objects"],
)
def test_a_file_that_cannot_be_used_is_a_fault_before_any_work(
    arrays: dict[str, np.ndarray], words: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "own.npz", **arrays)
    with pytest.raises(ConfigError, match=words):
        check_command_line(["model=resnet18", f"calibration.npz={tmp_path / 'own.npz'}"])


def test_a_file_that_is_none_of_numpy_is_a_fault(tmp_path: Path) -> None:
    (tmp_path / "own.npz").write_text("no arrays")
    with pytest.raises(ConfigError, match=r"not a file of arrays from numpy\.savez"):
        check_command_line([f"calibration.npz={tmp_path / 'own.npz'}"])
    with pytest.raises(ConfigError, match=r"gone\.npz: no such file"):
        check_command_line([f"calibration.npz={tmp_path / 'gone.npz'}"])
