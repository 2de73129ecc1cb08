"""Which cells no other one beats."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from etbench.results import pareto_front, to_frame
from etbench.results.schema import Result
from etbench.results.tables.pareto import mark_pareto

MakeResult = Callable[..., Result]
Figures = tuple[float, float, int]

BLOCKS = range(20)
SAME = ("model", "inputs", "weights", "threads", "runner", "env", "machine", "varied", "turn_id")


def _noise(seed: int) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0, 0.02, len(BLOCKS)))


def _frame(cells: dict[str, Figures]) -> pd.DataFrame:
    """Return the frame of interleaved cells of one model: location in ms, SQNR in dB, size in bytes."""
    return pd.DataFrame(
        [
            {
                **dict.fromkeys(SAME, "m"),
                **dict.fromkeys(
                    ("latency_location_ms", "latency_ci95_low_ms", "latency_ci95_high_ms"), np.nan
                ),
                "precision": name,
                "delegate": "xnnpack",
                "status": "ok",
                "latency_p50_ms": p50,
                "sqnr_db": sqnr_db,
                "pte_bytes": size,
                "latency_mean_ms": p50,
                "source": "etbench",
                "center": "median",
                "versions": "v",
                "own_blocks": False,
                "round_medians_ms": dict(zip(BLOCKS, p50 * _noise(number), strict=True)),
            }
            for number, (name, (p50, sqnr_db, size)) in enumerate(cells.items())
        ]
    )


def _front(cells: dict[str, Figures]) -> list[str]:
    return list(pareto_front(_frame(cells))["precision"])


def test_a_cell_that_is_worse_in_all_is_beaten() -> None:
    cells = {"fp32": (10.0, 120.0, 40_000), "int8": (5.0, 30.0, 10_000), "bad": (11.0, 29.0, 41_000)}
    assert _front(cells) == ["int8", "fp32"]


@pytest.mark.parametrize(
    ("other", "optimal"),
    [
        pytest.param((20.0, 50.0, 10_000), ["base"], id="slower"),
        pytest.param((20.0, 60.0, 10_000), ["base", "other"], id="slower and more accurate"),
        pytest.param((20.0, 50.0, 5_000), ["base", "other"], id="slower and smaller"),
        pytest.param((10.0, 60.0, 10_000), ["other"], id="as fast and more accurate"),
        pytest.param((10.01, 52.9, 9_950), ["base", "other"], id="alike in all"),
        pytest.param((20.0, 52.9, 9_950), ["base"], id="slower and hardly better"),
    ],
)
def test_a_difference_counts_only_if_it_is_more_than_a_tolerance(other: Figures, optimal: list[str]) -> None:
    assert sorted(_front({"base": (10.0, 50.0, 10_000), "other": other})) == optimal


def test_of_two_equal_cells_one_is_beaten_in_at_most_5_of_100() -> None:
    random, beaten = np.random.default_rng(0), 0
    for _ in range(60):
        frame = _frame({"one": (10.0, 50.0, 10_000), "two": (10.0, 50.0, 10_000)})
        medians = 10 * np.exp(random.normal(0, 0.05, (2, len(BLOCKS))))
        frame["round_medians_ms"] = [dict(zip(BLOCKS, row, strict=True)) for row in medians]
        frame["latency_p50_ms"] = np.median(medians, axis=1)
        beaten += not mark_pareto(frame)["pareto_optimal"].all()
    assert beaten <= 7  # 3 are expected


def test_small_differences_do_not_add_up_to_a_beaten_cell() -> None:
    cells = {"a": (10.0, 50.0, 1_000), "b": (20.0, 52.0, 1_000), "c": (40.0, 54.0, 1_000)}
    assert _front(cells) == ["a", "c"], "b beats c, but is itself beaten; and a is 4 dB below c"


def test_rounding_is_no_reason_to_ship() -> None:
    cells = {"xnnpack": (5.0, 118.5, 252_523_008), "portable": (647.0, 140.0, 252_504_196)}
    assert _front(cells) == ["xnnpack"]


@pytest.mark.parametrize(("p50", "optimal"), [(19.0, [True, True]), (30.0, [True, False])])
def test_separate_runs_are_told_apart_by_a_factor_of_two(
    p50: float, optimal: list[bool], make_result: MakeResult
) -> None:
    frame = to_frame([make_result(), make_result(precision="int8", p50=p50)])
    assert list(mark_pareto(frame)["pareto_optimal"]) == optimal


def test_cells_of_other_inputs_do_not_compete(make_result: MakeResult) -> None:
    frame = to_frame([make_result(p50=1.0), make_result(p50=9.0, shape=(8, 3, 224, 224))])
    assert len(pareto_front(frame)) == 2


def test_cells_without_a_figure_take_no_part(make_result: MakeResult, failed: Result) -> None:
    frame = to_frame([make_result(), make_result("other", sqnr_db=None), failed])
    assert list(mark_pareto(frame)["model"]) == ["resnet18"]


@settings(max_examples=30)
# Latencies are whole ms, sizes doubled from one to the next, SQNR in steps of 6 dB: far apart or equal.
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_front_is_what_the_definition_says(costs: list[tuple[int, int, int]]) -> None:
    frame = _frame(
        {
            str(number): (float(cost[0]), -6.0 * cost[1] + 60, 1000 * 2 ** cost[2])
            for number, cost in enumerate(costs)
        }
    )
    frame["round_medians_ms"] = [dict.fromkeys(BLOCKS, float(cost[0])) for cost in costs]
    beaten = [
        any(all(o <= m for o, m in zip(other, mine, strict=True)) and other != mine for other in costs)
        for mine in costs
    ]
    assert list(mark_pareto(frame)["pareto_optimal"]) == [not one for one in beaten]
