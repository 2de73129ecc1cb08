"""Parity with known answers."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from etbench.stats import compare_outputs

REFERENCE = np.array([[1.0, -2.0, 3.0, 4.0]], dtype=np.float32)


def test_known_answers() -> None:
    parity = compare_outputs([REFERENCE], [REFERENCE * np.float32(1.1)], logits_axis=1)
    assert parity.sqnr_db == pytest.approx(20.0, abs=1e-3)  # error of a tenth of the signal
    assert parity.cosine == pytest.approx(1.0)
    assert parity.max_abs == pytest.approx(0.4, abs=1e-6)
    assert parity.top1_agreement == 1.0
    assert not parity.exact
    assert not parity.degenerate
    assert parity.note == ""


def test_equal_outputs_are_exact() -> None:
    parity = compare_outputs([REFERENCE], [REFERENCE.copy()])
    assert (parity.exact, parity.sqnr_db, parity.max_abs, parity.top1_agreement) == (True, None, 0.0, None)


def test_top1_counts_positions() -> None:
    reference = np.eye(4, dtype=np.float32)[None]
    output = reference.copy()
    output[0, 0] = [0, 9, 0, 0]
    assert compare_outputs([reference], [output], logits_axis=2).top1_agreement == 0.75


@pytest.mark.parametrize(
    ("reference", "output", "note", "degenerate"),
    [
        (np.zeros((1, 4)), np.zeros((1, 4)), "constant", True),
        (np.full((1, 4), 7.0), np.full((1, 4), 7.1), "constant", True),
        (REFERENCE, np.array([[1.0, np.nan, 3.0, np.inf]]), "2 of 4 output values", False),
        (REFERENCE, np.zeros((1, 3)), "shapes", False),
        (REFERENCE * np.nan, REFERENCE, "eager model's own output", True),
    ],
    ids=["zeros", "constant", "not finite", "another shape", "reference not finite"],
)
def test_what_means_nothing_is_said(
    reference: np.ndarray, output: np.ndarray, note: str, degenerate: bool
) -> None:
    parity = compare_outputs([reference.astype(np.float32)], [output.astype(np.float32)])
    assert note in parity.note
    assert parity.degenerate is degenerate


@given(
    arrays(np.float32, (2, 5), elements=st.floats(-100, 100, width=32)),
    arrays(np.float32, (2, 5), elements=st.floats(-100, 100, width=32)),
)
def test_figures_stay_in_their_range(reference: np.ndarray, output: np.ndarray) -> None:
    parity = compare_outputs([reference], [output], logits_axis=1)
    assert parity.cosine is None or -1 <= parity.cosine <= 1
    assert parity.max_abs is not None
    assert parity.max_abs >= 0
    assert 0 <= parity.top1_agreement <= 1
    assert parity.exact == bool((reference == output).all())
