"""How the rounds of a cell are spread, as the browser is told to draw it."""

from __future__ import annotations

import pytest

from etbench.ui.pages.cells import BINS, histogram


def test_the_bars_are_the_rounds_and_the_line_is_their_median() -> None:
    drawn = histogram([1.0, 1.01, 1.02, 2.0], 1.015)
    assert drawn is not None
    bars = drawn["bars"]
    assert len(bars) == BINS
    assert (bars[0], bars[-1], sum(bars)) == (10.0, 3.33, pytest.approx(13.33))
    assert drawn["p50"] == pytest.approx(BINS * 0.015, abs=0.01)
    assert drawn["words"] == "4 round medians from 1 to 2 ms"


def test_one_round_has_no_spread_and_equal_ones_have_a_place_to_stand() -> None:
    assert histogram([1.0], 1.0) is None
    drawn = histogram([2.0, 2.0], 2.0)
    assert drawn is not None and 0 <= drawn["p50"] <= BINS
