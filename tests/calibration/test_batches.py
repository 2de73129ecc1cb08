"""Which data a model is shown."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from etbench.calibration import read_batches
from etbench.config import Calibration
from etbench.models.inputs import FixedInputs, ImageInputs, TextInputs
from etbench.models.tokens import offline_tokenizer

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
    assert own.description.startswith(f"1 images of {tmp_path}")
    assert torch.unique(own.references[0][0]).numel() == 3  # one colour: one value a channel
    (tmp_path / "own.txt").write_text("Just one sentence.\n")
    text = read_batches(_samples(text=str(tmp_path / "own.txt")), TEXT)
    assert text.description.startswith(f"1 lines of {tmp_path / 'own.txt'}")
    assert torch.equal(text.references[0][0], text.calibration[0][0])


def test_example_inputs_of_a_model_of_ones_own_serve_for_both() -> None:
    example = (torch.randn(2, 3),)
    batches = read_batches(_samples(), FixedInputs(example))
    assert batches.references == [example]
    assert batches.calibration == [example]
