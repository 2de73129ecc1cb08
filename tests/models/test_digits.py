"""The network for handwritten digits: its data, its weights, and the same function with other channels."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from etbench.data import digits
from etbench.errors import EtbenchError
from etbench.models.digits import classifier


def _right(spread: float = 1.0, weights: str = "pretrained") -> np.ndarray:
    images, classes = digits.held_out()
    net = classifier(weights=weights, seed=0, batch=1, spread=spread).module.eval()
    with torch.no_grad():
        return net(torch.from_numpy(images)).argmax(dim=1).numpy() == classes


def test_the_digits_are_split_into_two_halves_that_have_no_image_in_common() -> None:
    (images, classes), (others, other_classes) = digits.training(), digits.held_out()
    assert (images.shape, others.shape) == ((900, 1, 8, 8), (897, 1, 8, 8))
    assert (images.dtype, classes.dtype) == (np.float32, np.int64)
    assert (images.min(), images.max()) == (0, 1)
    assert set(classes) == set(other_classes) == set(range(10))
    assert not {one.tobytes() for one in images} & {one.tobytes() for one in others}


def test_the_weights_that_come_with_etbench_recognize_digits_and_random_ones_do_not() -> None:
    assert _right().mean() > 0.95
    torch.manual_seed(0)
    assert _right(weights="random").mean() < 0.4


def test_channels_that_are_spread_leave_the_function_as_it_is() -> None:
    images = torch.from_numpy(digits.held_out()[0])
    plain, spread = (
        classifier(weights="pretrained", seed=0, batch=1, spread=spread).module.eval() for spread in (1, 100)
    )
    with torch.no_grad():
        expected = plain(images)
        assert torch.allclose(spread(images), expected, atol=1e-4 * float(expected.abs().max()))
        largest = [one[1][0:3](one[0](images)).amax(dim=(0, 2, 3)) for one in (plain, spread)]
    ratios = largest[1] / largest[0]
    assert float(ratios.max() / ratios.min()) == pytest.approx(100, rel=1e-3)


def test_calibration_gets_images_of_the_training_half_in_batches() -> None:
    loaded = classifier(weights="pretrained", seed=0, batch=64)
    assert (loaded.inputs.kind, loaded.inputs.batch) == ("own", 64)
    batches = [loaded.inputs.tensors, *loaded.inputs.more]
    assert len(batches) == 900 // 64
    assert np.array_equal(torch.cat([one for (one,) in batches]).numpy(), digits.training()[0][: 14 * 64])


@pytest.mark.parametrize(
    ("options", "words"),
    [({"spread": 0.5}, r"model\.spread=0\.5"), ({"batch": 901}, r"model\.batch=901: there are 900")],
)
def test_values_out_of_range_are_refused(options: dict[str, float], words: str) -> None:
    with pytest.raises(EtbenchError, match=words):
        classifier(**({"weights": "pretrained", "seed": 0, "batch": 1} | options))
