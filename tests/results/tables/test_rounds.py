"""The rounds of each cell as a table."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from etbench.results import round_table
from etbench.results.schema import Result

MakeResult = Callable[..., Result]


def test_a_round_has_its_quartiles_and_its_distance_from_the_others(make_result: MakeResult) -> None:
    table = round_table([make_result(rounds=[[1.0, 2.0, 3.0, 4.0, 5.0], [3.0], [6.0]])])
    assert list(table["round"]) == [0, 1, 2]
    assert list(table["samples"]) == [5, 1, 1]
    first = table.iloc[0]
    assert [first[name] for name in ("min_ms", "q1_ms", "median_ms", "q3_ms", "max_ms")] == [1, 2, 3, 4, 5]
    assert list(table["deviation"]) == pytest.approx([0, 0, 1.0])


def test_a_round_far_off_is_outlying(make_result: MakeResult) -> None:
    rounds = [[1.0], [1.01], [0.99], [1.02], [1.7], [1.0]]
    table = round_table([make_result(rounds=rounds)])
    assert list(table["outlying"]) == [False] * 4 + [True, False]


def test_summaries_and_failures_have_no_rounds(make_result: MakeResult, failed: Result) -> None:
    assert round_table([make_result(rounds=[]), failed]).empty
    assert round_table([]).empty
