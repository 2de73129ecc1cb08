"""How often the pages look, however many are open."""

from __future__ import annotations

import pytest

from etbench.ui.pages.run import AT_FULL_PACE, look_every_s
from etbench.ui.watch import LOOK_EVERY_S


def test_many_pages_together_look_no_more_often_than_a_few() -> None:
    assert look_every_s(1) == look_every_s(AT_FULL_PACE) == LOOK_EVERY_S
    for pages in (5, 20, 1000):
        assert pages / look_every_s(pages) == pytest.approx(AT_FULL_PACE / LOOK_EVERY_S)
