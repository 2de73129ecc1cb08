"""Real data as tensors."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from etbench.models.inputs import ImageInputs, common_batch
from etbench.models.tokens import offline_tokenizer


def test_images_are_resized_and_normalized_as_for_imagenet() -> None:
    (tensor,) = ImageInputs(32).encode([Image.new("RGB", (50, 40), "white"), Image.new("L", (9, 9), 0)])
    assert tensor.shape == (2, 3, 32, 32)
    assert tensor.dtype == torch.float32
    white = [(1 - 0.485) / 0.229, (1 - 0.456) / 0.224, (1 - 0.406) / 0.225]
    assert tensor[0, :, 5, 5].tolist() == pytest.approx(white, rel=1e-5)
    assert tensor[1, 0, 5, 5].item() == pytest.approx(-0.485 / 0.229, rel=1e-5)


@pytest.mark.parametrize(
    ("shapes", "batch"),
    [
        ([(4, 3, 8, 8)], 4),
        ([(2, 7), (2, 7), ()], 2),
        ([()], 1),
        ([(4, 12, 16), (1, 4, 18)], None),  # the state of an LSTM: its first axis counts the layers
        ([(12, 1, 16), (1, 1, 18)], None),  # the sequence in front
    ],
)
def test_the_batch_of_an_example_is_known_only_if_its_inputs_agree(
    shapes: list[tuple[int, ...]], batch: int | None
) -> None:
    assert common_batch([torch.zeros(shape) for shape in shapes]) == batch


tokenize = offline_tokenizer(seq_len=8, pad=0, begin=101, end=102, first_id=1_000)


def test_short_sentences_are_padded_and_masked() -> None:
    ids, mask = tokenize(["the"])
    row, kept = ids[0].tolist(), mask[0].tolist()
    length = sum(kept)
    assert row[0] == 101
    assert row[length - 1] == 102
    assert row[length:] == [0] * (8 - length)
    assert kept == [1] * length + [0] * (8 - length)
    assert length < 8


def test_long_sentences_are_cut_and_still_closed() -> None:
    ids, mask = tokenize(["It was the best of times, it was the worst of times, it was the age of wisdom."])
    assert ids[0, 0] == 101
    assert ids[0, -1] == 102
    assert mask.sum() == 8


@given(st.lists(st.text(max_size=40), min_size=1, max_size=4))
def test_any_text_gives_ids_of_the_vocabulary(texts: list[str]) -> None:
    ids, mask = tokenize(texts)
    assert ids.shape == mask.shape == (len(texts), 8)
    assert ids.dtype == mask.dtype == torch.int64
    words = ids[(ids != 0) & (ids != 101) & (ids != 102)]
    assert ((words >= 1_000) & (words < 2_000)).all()
