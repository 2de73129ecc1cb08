"""Which cells no other one beats."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.results import pareto_front, to_frame
from etbench.results.schema import Result
from etbench.results.tables.pareto import mark_pareto, size_step, sqnr_step

MakeResult = Callable[..., Result]
Figures = tuple[float, float, int]


def _front(make_result: MakeResult, cells: dict[str, Figures]) -> list[str]:
    frame = to_frame(
        make_result("m", name, p50=p50, sqnr_db=sqnr_db, pte_bytes=size)
        for name, (p50, sqnr_db, size) in cells.items()
    )
    return list(pareto_front(frame)["precision"])


def test_a_cell_that_is_worse_in_all_is_beaten(make_result: MakeResult) -> None:
    cells = {"fp32": (10.0, 120.0, 40_000), "int8": (5.0, 30.0, 10_000), "bad": (11.0, 29.0, 41_000)}
    assert _front(make_result, cells) == ["int8", "fp32"]


@pytest.mark.parametrize(
    "figures",
    [(20.0, 50.0, 10_000), (10.0, 60.0, 10_000), (10.0, 50.0, 5_000)],
    ids=["slower", "as fast", "smaller"],
)
def test_to_be_better_in_one_figure_is_enough(make_result: MakeResult, figures: Figures) -> None:
    slower, sqnr_db, size = figures
    cells = {"base": (10.0, 50.0, 10_000), "other": (slower, sqnr_db, size)}
    beaten = figures == (20.0, 50.0, 10_000)
    assert ("other" in _front(make_result, cells)) is not beaten


def test_rounding_is_no_reason_to_ship(make_result: MakeResult) -> None:
    cells = {"xnnpack": (5.0, 118.5, 252_523_008), "portable": (647.0, 119.3, 252_504_196)}
    assert _front(make_result, cells) == ["xnnpack"]
    assert sqnr_step(101) == sqnr_step(130)
    assert size_step(252_523_008) == size_step(252_504_196)


def test_cells_of_other_inputs_do_not_compete(make_result: MakeResult) -> None:
    frame = to_frame([make_result(p50=1.0), make_result(p50=9.0, shape=(8, 3, 224, 224))])
    assert len(pareto_front(frame)) == 2


def test_cells_without_a_figure_take_no_part(make_result: MakeResult, failed: Result) -> None:
    frame = to_frame([make_result(), make_result("other", sqnr_db=None), failed])
    assert list(mark_pareto(frame)["model"]) == ["resnet18"]


# Latencies are whole ms, sizes doubled from one to the next, SQNR in whole steps: far apart or equal.
@given(st.lists(st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)), min_size=1, max_size=12))
def test_the_front_is_what_the_definition_says(costs: list[tuple[int, int, int]]) -> None:
    import pandas as pd

    frame = pd.DataFrame(
        {
            "model": "m",
            "status": "ok",
            "latency_p50_ms": [float(cost[0]) for cost in costs],
            "sqnr_db": [-3.0 * cost[1] + 60 for cost in costs],
            "pte_bytes": [1000 * 2 ** cost[2] for cost in costs],
            **dict.fromkeys(("inputs", "weights", "threads", "runner", "machine"), "same"),
        }
    )
    beaten = [
        any(all(o <= m for o, m in zip(other, mine, strict=True)) and other != mine for other in costs)
        for mine in costs
    ]
    assert list(mark_pareto(frame)["pareto_optimal"]) == [not one for one in beaten]
