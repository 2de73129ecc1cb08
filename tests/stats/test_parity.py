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


def _normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(np.float32)


def test_a_large_output_does_not_hide_one_that_is_lost() -> None:
    large, small = 1000 * _normal(4, 8), _normal(4, 8, seed=1)
    parity = compare_outputs([large, small], [large + 1, np.zeros_like(small)])
    assert parity.worst == 1
    assert parity.sqnr_db == pytest.approx(0)
    assert parity.outputs[0].sqnr_db > 55


def test_lost_channels_within_an_output_are_named() -> None:
    reference = _normal(2, 14, 64)
    reference[:, :4] *= 640  # boxes in pixels beside scores
    output = reference.copy()
    output[:, 4:] = 0
    (one,) = compare_outputs([reference], [output]).outputs
    assert one.sqnr_db > 50
    assert [(group.axis, group.first, group.last) for group in one.lost] == [(1, 4, 13)]
    assert one.lost[0].sqnr_db == pytest.approx(0)


def test_coarse_values_do_not_count_as_lost_groups() -> None:
    reference = _normal(4, 1000)  # logits: four values per class
    noise = _normal(4, 1000, seed=1)
    for sqnr_db in (30, 14, 7, 5):
        (one,) = compare_outputs([reference], [reference + noise * np.float32(10 ** (-sqnr_db / 20))]).outputs
        assert one.lost == []


def test_the_lowest_of_very_many_indices_is_lost_only_if_it_is_far_below_the_others() -> None:
    """Logits of a few alike tokens for a large vocabulary: 12 dB, and by chance some are below 3 dB."""
    spread = np.exp(0.33 * _normal(1, 20_000))  # of the power of the noise, from index to index
    reference, noise = _normal(128, 20_000, seed=1), _normal(128, 20_000, seed=2)
    output = reference + noise * np.float32(10 ** (-12 / 20)) * spread
    power, error = np.square(reference).sum(0), np.square(output - reference).sum(0)
    below = np.flatnonzero(power < 2 * error)
    assert 0 < len(below) < 200
    (one,) = compare_outputs([reference], [output]).outputs
    assert one.lost == []
    output[:, 77] = 0  # one that is dead, among others that are far better
    better = reference + (output - reference) / np.float32(10)
    better[:, 77] = 0
    (one,) = compare_outputs([reference], [better]).outputs
    assert [(group.first, group.last) for group in one.lost] == [(77, 77)]


def test_a_constant_does_not_hide_a_lost_variation() -> None:
    reference = 100 + _normal(8, 16)
    (one,) = compare_outputs([reference], [np.full_like(reference, 100)]).outputs
    assert one.sqnr_db > 35
    assert one.centred_sqnr_db == pytest.approx(0, abs=0.2)


def test_integers_and_booleans_have_the_share_that_agrees() -> None:
    classes = np.arange(100)
    wrong = classes.copy()
    wrong[:10] += 50
    parity = compare_outputs([classes, classes > 50], [wrong, wrong > 50])
    assert (parity.agreement, parity.sqnr_db, parity.exact) == (0.9, None, False)
    assert [one.agreement for one in parity.outputs] == [0.9, 1.0 - (wrong[:10] > 50).mean() / 10]


def test_infinities_are_compared_by_position() -> None:
    mask = _normal(4, 8)
    mask[:, 5:] = -np.inf
    shared = compare_outputs([mask], [mask * np.float32(1.1)])
    assert shared.sqnr_db == pytest.approx(20, abs=1e-3)
    elsewhere = mask.copy()
    elsewhere[0, 4], elsewhere[0, 5] = -np.inf, 0
    assert "2 of 32" in compare_outputs([mask], [elsewhere]).note
    assert compare_outputs([mask], [-mask]).sqnr_db is None  # +inf is not -inf


def test_a_single_value_has_a_figure() -> None:
    one = np.array([3.0], dtype=np.float32)
    parity = compare_outputs([one], [one * np.float32(1.1)])
    assert parity.sqnr_db == pytest.approx(20, abs=1e-3)
    assert not parity.degenerate


def test_a_constant_output_does_not_hide_another() -> None:
    constant = np.ones((4, 4), dtype=np.float32)
    parity = compare_outputs([constant, _normal(4, 4)], [constant + 1, -_normal(4, 4)])
    assert (parity.worst, parity.degenerate) == (1, False)


def test_equal_outputs_are_above_every_number() -> None:
    parity = compare_outputs([REFERENCE, REFERENCE], [REFERENCE, REFERENCE])
    assert parity.fidelity_db == np.inf
    assert compare_outputs([REFERENCE], [REFERENCE * 2]).fidelity_db < np.inf
