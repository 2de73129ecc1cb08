"""Which layers of a converted model are far from fp32."""

from __future__ import annotations

import numpy as np
import pytest

from etbench.stats.layers import Numerics, worst_layers

KINDS = {"first": "Conv2d", "second": "ReLU", "third": "Linear"}
FP32 = [{name: np.full((2, 3), 4.0, dtype=np.float32) for name in KINDS}]


def _worst(**changes: object) -> Numerics:
    other = {name: np.asarray(FP32[0][name] + np.float32(changes.get(name, 0.0))) for name in KINDS}
    return worst_layers(KINDS, FP32, [other])


def test_the_farthest_comes_first() -> None:
    found = _worst(first=0.04, third=0.4)
    assert [(layer.name, layer.kind) for layer in found.worst] == [("third", "Linear"), ("first", "Conv2d")]
    assert [layer.sqnr_db for layer in found.worst] == [pytest.approx(20), pytest.approx(40, abs=1e-3)]
    assert (found.compared, found.note) == (3, "")


@pytest.mark.parametrize("overflow", [np.inf, -np.inf, np.nan])
def test_a_layer_that_overflowed_is_the_worst_however_far_the_others_are(overflow: float) -> None:
    found = _worst(first=0.4, second=overflow, third=overflow)
    assert [layer.name for layer in found.worst] == ["second", "third", "first"]
    assert [layer.finite for layer in found.worst] == [False, False, True]
    assert found.note == "2 of 3 layers have NaN or infinite outputs, second first"


def test_what_is_equal_and_what_cannot_be_compared_are_told_apart() -> None:
    assert _worst().note == "no layer differs from fp32"
    assert worst_layers(KINDS, FP32, [{}]).note == "no layer could be compared"
