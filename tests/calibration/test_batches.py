"""Which data a model is shown."""

from __future__ import annotations

from pathlib import Path

import msgspec
import numpy as np
import pytest
import torch
from PIL import Image

from etbench.calibration import Batches, read_batches
from etbench.calibration.derived import content
from etbench.calibration.items import input_digests, picture_digest
from etbench.config import Calibration, Cell
from etbench.config.sections import InputSpec
from etbench.engine.run import run_cells
from etbench.errors import ConfigError, EtbenchError
from etbench.models.inputs import (
    FixedInputs,
    ImageInputs,
    Inputs,
    Normalization,
    PromptInputs,
    SpeechInputs,
    TextInputs,
    shaped_inputs,
)
from etbench.models.tokens import offline_tokenizer
from etbench.preflight.command_line import check_command_line
from etbench.preflight.compose import compose

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
    assert own.description.startswith(f"5 crops of 1 image of {tmp_path}")
    assert torch.unique(own.references[0][0]).numel() == 3  # one colour: one value a channel
    (tmp_path / "own.txt").write_text("Just one sentence.\n")
    text = read_batches(_samples(text=str(tmp_path / "own.txt")), TEXT)
    assert text.description.startswith(f"1 line of {tmp_path / 'own.txt'}")


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


def test_a_single_example_is_timed_and_calibrated_on_and_what_is_derived_from_it_is_compared() -> None:
    example = (torch.randn(2, 3),)
    batches = read_batches(_samples(), FixedInputs(example))
    assert batches.single
    assert len(batches.references) == 1 + 2
    assert torch.equal(batches.references[0][0], example[0])
    assert [batch[0].tolist() for batch in batches.calibration] == [example[0].tolist()]


def test_several_examples_are_split() -> None:
    examples = [(torch.full((1, 3), float(number)),) for number in range(4)]
    batches = read_batches(_samples(), FixedInputs(examples[0], more=tuple(examples[1:])))
    assert not batches.single
    assert [float(batch[0][0, 0]) for batch in batches.references] == [0, 1]
    assert [float(batch[0][0, 0]) for batch in batches.calibration] == [2, 3]


PROMPTS = PromptInputs(vocabulary=50, tokens=6)
SPEECH = SpeechInputs(lambda texts: (torch.tensor([[len(text)] for text in texts]),), "a synthesizer", 1)
ONE, TWO = (torch.arange(4.0) / 3,), (torch.arange(4.0) / 5,)


@pytest.mark.parametrize("batches", [1, 3, 40])
@pytest.mark.parametrize(
    "inputs",
    [ImageInputs(32), TEXT, SPEECH, PROMPTS, FixedInputs(ONE), FixedInputs(ONE, more=(TWO, TWO, ONE))],
    ids=["images", "text", "speech", "prompts", "one example", "some examples"],
)
def test_a_calibrated_program_is_never_compared_on_its_calibration_data(inputs: Inputs, batches: int) -> None:
    _assert_apart(read_batches(_samples(batches=batches), inputs))


@pytest.mark.parametrize("count", [1, 2, 3, 6])
def test_few_data_of_the_user_are_kept_apart_too(count: int, tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("".join(f"{number} sentences.\n" * 2 for number in range(count)))
    for number in range(count):
        _picture(tmp_path / f"{number}.png", red=number)
    np.savez(tmp_path / "own.npz", IDS[[*range(count), *range(count)]], IDS[[*range(count), *range(count)]])
    wide = TextInputs(offline_tokenizer(seq_len=8, pad=0), "a tokenizer of a test", 1)
    for given, inputs in (
        ({"text": str(tmp_path / "own.txt")}, wide),
        ({"images": str(tmp_path)}, ImageInputs(32)),
        ({"npz": str(tmp_path / "own.npz")}, TEXT),
    ):
        batches = read_batches(_samples(**given), inputs, ["ids", "mask"])
        _assert_apart(batches)
        assert batches.single == (count == 1)


def _assert_apart(batches: Batches) -> None:
    """Assert that references and calibration have nothing in common but a single batch, which comes first."""
    compared = batches.references[1:] if batches.single else batches.references
    contents = [content(batch) for batch in compared]
    assert contents
    assert batches.calibration
    assert len(set(contents)) == len(contents)
    assert not set(contents) & {content(batch) for batch in batches.calibration}


def test_a_picture_is_used_for_one_purpose_unless_that_takes_half_of_them(tmp_path: Path) -> None:
    for number in range(5):
        _picture(tmp_path / f"{number}.png", red=number)
    apart = _samples(images=str(tmp_path), references=2, batches=9)
    found = _reds(apart)
    assert not {*found[:2]} & {*found[2:]}
    assert {*found[2:]} == {0, 1, 2, 3, 4} - {*found[:2]}
    description = read_batches(apart, ImageInputs(32)).description
    assert description.startswith(f"11 crops of 5 images of {tmp_path}")


@pytest.mark.parametrize(
    ("given", "inputs", "words", "remedy"),
    [
        ({"images": "photos"}, TEXT, "takes sentences", "calibration.text=<file>"),
        ({"text": "lines.txt"}, ImageInputs(32), "takes pictures", "calibration.images=<folder>"),
        ({"images": "photos"}, PROMPTS, "takes prompts", "calibration.npz=<file>"),
        ({"images": "photos"}, FixedInputs(ONE), "example inputs", "ImageInputs"),
        (
            {"text": "lines.txt"},
            shaped_inputs([InputSpec(shape=[2, 3])]),
            "model.inputs",
            "calibration.npz=<file>",
        ),
        ({"images": "photos", "npz": "own.npz"}, ImageInputs(32), "beside calibration.npz", "one of them"),
    ],
    ids=["images for text", "text for images", "for prompts", "for an example", "for shapes", "with arrays"],
)
def test_data_that_would_not_be_used_are_refused(
    given: dict[str, str], inputs: Inputs, words: str, remedy: str
) -> None:
    with pytest.raises(EtbenchError, match=f"would not be used.*{words}") as caught:
        read_batches(_samples(**given), inputs)
    assert remedy in caught.value.hint


def test_data_of_both_kinds_are_for_a_sweep_of_models_that_take_either(tmp_path: Path) -> None:
    (tmp_path / "own.txt").write_text("One.\nTwo.\n")
    _picture(tmp_path / "one.png", red=3)
    both = _samples(images=str(tmp_path), text=str(tmp_path / "own.txt"))
    assert "image of" in read_batches(both, ImageInputs(32)).description
    assert "2 lines of" in read_batches(both, TEXT).description


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=distilbert", "calibration.images={folder}"], "the model takes sentences; give sentences"),
        (["model=resnet18", "calibration.text={folder}/own.txt"], "the model takes pictures"),
        (["model=causal_lm", "calibration.images={folder}"], "prompts of random tokens"),
        (
            ["model=resnet18", "+model.inputs=[{{shape: [1, 5]}}]", "calibration.images={folder}"],
            "made-up values",
        ),
        (["model=pte", "model.path={folder}/own.txt", "calibration.images={folder}"], "model.reference="),
    ],
)
def test_what_is_known_not_to_be_used_is_a_fault_before_any_work(
    overrides: list[str], words: str, tmp_path: Path
) -> None:
    _picture(tmp_path / "one.png", red=3)
    (tmp_path / "own.txt").write_text("One.\n")
    with pytest.raises(ConfigError, match=f"would not be used.*{words}"):
        check_command_line([text.format(folder=tmp_path) for text in overrides])


IDS = np.arange(6 * 2 * 8).reshape(6, 2, 8)


def _own(tmp_path: Path, *arrays: np.ndarray, **named: np.ndarray) -> Calibration:
    path = tmp_path / "own.npz"
    np.savez(path, *arrays, **named)
    return _samples(npz=str(path))


def test_a_sweep_of_models_of_both_kinds_takes_data_of_both(tmp_path: Path) -> None:
    _picture(tmp_path / "one.png", red=3)
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("One.\n")
    sweep = ["-m", "model=resnet18,distilbert", f"calibration.images={tmp_path}"]
    check_command_line([*sweep, f"calibration.text={tmp_path / 'a.txt'},{tmp_path / 'b.txt'}"])
    with pytest.raises(ConfigError, match=r"would not be used.*takes sentences"):
        compose(["model=distilbert", sweep[2]])
    with pytest.raises(ConfigError, match=r"would not be used.*takes sentences"):
        run_cells([compose([sweep[1].partition(",")[0]]), _with_pictures(tmp_path)], out_dir=tmp_path / "out")
    assert not (tmp_path / "out").exists()


def _with_pictures(folder: Path) -> Cell:
    """Return the cell of a model that takes text, as a sweep makes one."""
    cell = compose(["model=distilbert"])
    pictures = msgspec.structs.replace(cell.calibration, images=str(folder))
    return msgspec.structs.replace(cell, calibration=pictures)


def test_arrays_are_taken_by_the_names_of_the_inputs_whatever_their_order(tmp_path: Path) -> None:
    own = _own(tmp_path, mask=np.ones_like(IDS), ids=IDS)
    batches = read_batches(own, TEXT, ["ids", "mask"])
    assert [batch[0].tolist() for batch in batches.references] == IDS[:2].tolist()
    assert [batch[0].tolist() for batch in batches.calibration] == IDS[2:5].tolist()
    assert all(bool((batch[1] == 1).all()) for batch in batches.references)
    assert batches.description == f"{tmp_path / 'own.npz'}, which has 6 batches"


def test_arrays_without_a_name_are_in_the_order_of_the_inputs_and_few_are_shared_out(tmp_path: Path) -> None:
    batches = read_batches(_own(tmp_path, IDS[:3], IDS[:3] + 1), TEXT, ["ids", "mask"])
    assert [len(batches.references), len(batches.calibration)] == [1, 2]
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


def test_sample_data_are_named_and_pictures_of_the_calibration_have_checksums(tmp_path: Path) -> None:
    assert read_batches(_samples(), ImageInputs(32)).samples
    assert read_batches(_samples(), TEXT).samples
    assert not read_batches(_samples(), FixedInputs((torch.randn(2, 3),))).samples
    for number in range(8):
        _picture(tmp_path / f"{number}.png", red=number)
    own = read_batches(_samples(images=str(tmp_path)), ImageInputs(32))
    assert not own.samples
    used = {picture_digest(path) for path in own.pictures}
    assert (own.picture_digests, own.input_digests) == (sorted(used), [])
    every = {picture_digest(path) for path in tmp_path.iterdir()}
    assert len(used) == 3 and used < every, "two others are for reference"


def test_inputs_that_are_not_pictures_have_a_checksum_each() -> None:
    batches = read_batches(_samples(), TEXT)
    assert batches.picture_digests == []
    assert len(batches.input_digests) == 3 * TEXT.batch
    one, other = batches.calibration[0], batches.references[0]
    assert set(input_digests(one)) < set(batches.input_digests)
    assert not set(input_digests(other)) & set(batches.input_digests)
    assert len(input_digests([torch.zeros(2, 3), torch.zeros(3)])) == 1, "the batch axis is not known"
