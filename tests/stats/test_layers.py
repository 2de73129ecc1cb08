"""Which layers of a converted model cost the accuracy."""

from __future__ import annotations

import numpy as np
import pytest

from etbench.stats.layers import Noise, Numerics, noise, worst_layers

KINDS = {"first": "Conv2d", "second": "ReLU", "third": "Linear"}


def _worst(alone_db: dict[str, float], **errors: float) -> Numerics:
    """Layers whose output is 4 in fp32, with these errors in the converted model."""
    fp32 = np.full((2, 3), 4.0, dtype=np.float32)
    noises = {
        name: noise(fp32, fp32 + np.float32(errors.get(name, 0.0)), fp32 + np.float32(0.04)) for name in KINDS
    }
    return worst_layers(KINDS, noises, alone_db)


def test_the_one_that_costs_the_most_comes_first_however_late_it_runs() -> None:
    found = _worst({"first": 12.0, "third": 30.0}, first=0.04, third=0.4)
    assert [(layer.name, layer.kind) for layer in found.worst] == [("first", "Conv2d"), ("third", "Linear")]
    assert [layer.sqnr_db for layer in found.worst] == [pytest.approx(40, abs=1e-3), pytest.approx(20)]
    assert [layer.own_db for layer in found.worst] == [pytest.approx(40, abs=1e-3)] * 2
    assert (found.compared, found.note) == (3, "")


@pytest.mark.parametrize("overflow", [np.inf, -np.inf, np.nan])
def test_a_layer_that_overflowed_is_the_worst_however_much_the_others_cost(overflow: float) -> None:
    found = _worst({"first": 3.0}, first=0.4, second=overflow, third=overflow)
    assert [layer.name for layer in found.worst] == ["second", "third", "first"]
    assert [layer.finite for layer in found.worst] == [False, False, True]
    assert found.note == "2 of 3 layers have NaN or infinite outputs, second first"


def test_what_is_equal_and_what_cannot_be_compared_are_told_apart() -> None:
    assert _worst({}).note == "no layer differs from fp32"
    assert worst_layers(KINDS, {}, {}).note == "no layer could be compared"


def test_the_energies_of_batches_add_up() -> None:
    assert Noise(1.0, 2.0, 3.0) + Noise(4.0, 5.0, 6.0) == Noise(5.0, 7.0, 9.0)
