"""The photographs and sentences that come along, and the user's own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from etbench.data import crops, image_paths, photographs, sentences
from etbench.errors import EtbenchError


def test_two_photographs_and_many_sentences_come_along() -> None:
    images = photographs(image_paths(None))
    assert len(images) == 2
    assert all(min(image.size) > 400 and image.mode == "RGB" for image in images)
    lines = sentences(None)
    assert len(lines) >= 50
    assert len(set(lines)) == len(lines)
    assert not any(line.startswith("#") for line in lines)


def test_crops_are_the_same_for_the_same_seed_only() -> None:
    def pixels(seed: int) -> list[bytes]:
        return [crop.tobytes() for crop in crops(photographs(image_paths(None)), 6, seed=seed)]

    assert pixels(0) == pixels(0)
    assert pixels(0) != pixels(1)
    assert len(set(pixels(0))) == 6


def test_crops_are_squares_taken_from_the_images_in_turn() -> None:
    images = [Image.new("RGB", (80, 60), "red"), Image.new("RGB", (1, 1), "blue")]
    squares = crops(images, 4, seed=0)
    assert all(square.width == square.height >= 1 for square in squares)
    assert [square.getpixel((0, 0)) for square in squares] == [(255, 0, 0), (0, 0, 255)] * 2


def test_a_folder_of_images_is_searched_and_read(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(tmp_path / "deep" / "gray.PNG")
    (tmp_path / "notes.txt").write_text("no image")
    assert [image.mode for image in photographs(image_paths(tmp_path))] == ["RGB"]


def test_an_image_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no jpeg")
    with pytest.raises(EtbenchError, match=r"cannot read the image .*broken\.jpg") as caught:
        photographs(image_paths(tmp_path))
    assert caught.value.stage == "calibrate"
    with pytest.raises(EtbenchError, match="no image in"):
        (tmp_path / "broken.jpg").unlink()
        photographs(image_paths(tmp_path))


def test_a_text_file_gives_its_lines_that_hold_text(tmp_path: Path) -> None:
    path = tmp_path / "own.txt"
    path.write_bytes(b"# One.\n\n  Two. \nThr\xffee.\n")
    assert sentences(path) == ["# One.", "Two.", "Thr\ufffdee."]
