"""Charts draw what is in the frame.

`tests/results/golden` has their Vega-Lite specifications. After a change that is wanted, write them anew, and
look at what the diff says:

    ETBENCH_GOLDEN=write python -m pytest tests/results/charts/test_charts.py
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from PIL import Image

from etbench.measure.pass_results import ItemAnswers, Operator, Profile
from etbench.results import charts, round_table, to_frame
from etbench.results.charts.names import LINE, name_offsets
from etbench.results.schema import Result
from etbench.stats import assess

GOLDEN = Path(__file__).parent / "golden"
SLOWDOWN = {"xnnpack": 1, "portable": 300}
DRIFTING = [1.0, 1.02, 0.99, 1.01, 1.8, 1.0]  # of the rounds; the fifth is far off
OPERATORS = [
    Operator(name="Convolution", kind="delegated", instruction=0, mean_ms=1.5, share=0.75),
    Operator(name="aten::mean.out", kind="portable", instruction=1, mean_ms=0.5, share=0.25),
]
BLANK_FOR_ONE = {"speedup_bars", "operator_bars", "accuracy"}
NAMES = [draw.__name__ for draw in (*charts.OF_CELLS, *charts.OF_ROUNDS)]


def _rounds(p50: float) -> list[list[float]]:
    return [[p50 * factor * within for within in (0.9, 1.0, 1.2)] for factor in DRIFTING]


def _judged(right: int, weights: str = "bundled") -> dict[str, Any]:
    """Return the fields of a cell that gets so many of 1,000 items right."""
    items = ItemAnswers.of(np.arange(1_000) < right, "a" * 64)
    return {"weights": weights, "evaluation": {"top1": items.share}, "evaluation_items": {"top1": items}}


@pytest.fixture
def results(make_result: Callable[..., Result], failed: Result) -> list[Result]:
    """Two models x fp32, int8 x XNNPACK, portable with six rounds, a profiled cell and a failed one."""
    made = []
    for model, p50 in (("resnet18", 10.0), ("mobilenet_v2", 2.0)):
        for precision, factor, size, sqnr_db in (("fp32", 1.0, 40e6, 120.0), ("int8", 0.5, 10e6, 25.0)):
            for delegate, slowdown in SLOWDOWN.items():
                rounds = _rounds(p50 * factor * slowdown)
                made.append(
                    make_result(
                        *(model, precision, delegate),
                        rounds=rounds,
                        stability=assess(rounds),
                        pte_bytes=int(size),
                        sqnr_db=sqnr_db,
                        **_judged(900 - int(size / 1e6) - len(model)),
                    )
                )
    profile = Profile(execute_ms=2.0, elsewhere_ms=0.0, inferences=5, operators=OPERATORS)
    return [
        *made,
        make_result("mobilenet_v2", "fp16", rounds=_rounds(1.5), profile=profile, weights="bundled"),
        failed,
    ]


def _draw(name: str, results: list[Result]) -> Any:
    of_rounds = name in {draw.__name__ for draw in charts.OF_ROUNDS}
    return getattr(charts, name)(round_table(results) if of_rounds else to_frame(results))


def _pixels(chart: Any) -> np.ndarray:
    picture = io.BytesIO()
    chart.save(picture, format="png")
    return np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).astype(int)


@pytest.mark.parametrize("name", NAMES)
def test_each_chart_is_the_one_that_was_looked_at(name: str, results: list[Result]) -> None:
    spec = _draw(name, results).to_dict()
    for version in ("$schema", "config"):  # altair's own, another with each release
        del spec[version]
    path = GOLDEN / f"{name}.json"
    if os.environ.get("ETBENCH_GOLDEN") == "write":
        path.write_text(json.dumps(spec, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    assert spec == json.loads(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", NAMES)
def test_each_chart_renders_in_colour(name: str, results: list[Result]) -> None:
    pixels = _pixels(_draw(name, results))
    coloured = (pixels.max(axis=1) - pixels.min(axis=1)) > 60
    assert coloured.mean() > 0.001, "nothing was drawn"
    assert coloured.sum() > 200


@pytest.mark.parametrize("name", NAMES)
def test_without_data_a_chart_says_so_in_words(name: str) -> None:
    chart = _draw(name, [])
    assert charts.is_blank(chart)
    assert (_pixels(chart) < 128).any(), "no words"


@pytest.mark.parametrize("name", NAMES)
def test_one_cell_is_enough_or_the_chart_is_blank(name: str, make_result: Callable[..., Result]) -> None:
    chart = _draw(name, [make_result()])
    assert charts.is_blank(chart) == (name in BLANK_FOR_ONE)
    chart.save(io.StringIO(), format="svg")


def test_only_what_has_data_is_drawn(make_result: Callable[..., Result]) -> None:
    assert set(charts.draw_all([make_result()])) == set(NAMES) - BLANK_FOR_ONE
    assert charts.draw_all([]) == {}


def test_slow_delegates_stand_on_a_log_axis_of_whole_decades(results: list[Result]) -> None:
    layers = charts.delegate_bars(to_frame(results)).to_dict()["layer"]
    (axis,) = [one["encoding"]["x"] for one in layers if one["mark"]["type"] == "point"]
    assert axis["scale"] == {"type": "log", "domain": [1, 10_000]}
    assert axis["title"] == "p50 latency (ms), log scale"


def test_an_axis_is_linear_while_the_smallest_bar_can_be_seen(make_result: Callable[..., Result]) -> None:
    def scale(slowest: float) -> Any:
        cells = [make_result("a", p50=1.0), make_result("b", p50=slowest)]
        return charts.precision_bars(to_frame(cells)).to_dict()["layer"][0]["encoding"]["x"].get("scale")

    assert scale(29) is None
    assert scale(31)["type"] == "log"


def test_intervals_are_drawn_where_there_are_some(results: list[Result]) -> None:
    spec = charts.precision_bars(to_frame(results)).to_dict()
    (data,) = spec["datasets"].values()
    assert all(row["latency_ci95_low_ms"] < row["latency_p50_ms"] for row in data)
    whiskers = spec["layer"][1]
    assert whiskers["mark"]["type"] == "rule"
    assert whiskers["encoding"]["x2"]["field"] == "latency_ci95_high_ms"


def test_speedup_is_titled_after_the_base(results: list[Result]) -> None:
    spec = charts.speedup_bars(to_frame(results)).to_dict()
    assert spec["spec"]["layer"][1]["layer"][0]["encoding"]["x"]["title"].startswith("speedup over fp32 (x)")
    assert spec["title"]["text"] == "Speedup over fp32"


def test_speedups_of_runtimes_are_those_over_xnnpack(make_result: Callable[..., Result]) -> None:
    cells = [make_result(delegate="xnnpack", p50=10.0), make_result(delegate="onnxruntime", p50=4.0)]
    spec = charts.speedup_bars(to_frame(cells), by="delegate").to_dict()
    assert spec["title"]["text"] == "Speedup over xnnpack"
    (data,) = spec["datasets"].values()
    assert [(row["delegate"], row["speedup"]) for row in data] == [("onnxruntime", pytest.approx(2.5))]


def test_repeated_cells_have_bars_of_their_own(make_result: Callable[..., Result]) -> None:
    twice = [make_result(p50=p50, created_at=f"2026-01-0{day}") for day, p50 in ((1, 10.0), (2, 11.0))]
    (data,) = charts.precision_bars(to_frame(twice)).to_dict()["datasets"].values()
    assert {row["subject"]: row["latency_p50_ms"] for row in data} == {"resnet18 #1": 10, "resnet18 #2": 11}


def test_any_number_of_rounds_is_drawn(make_result: Callable[..., Result]) -> None:
    cells = [
        make_result(model, rounds=[[10.0 + number / 1e4] for number in range(1_000)]) for model in "abcdef"
    ]
    (data,) = charts.round_strips(round_table(cells)).to_dict()["datasets"].values()
    assert len(data) == 6_000


def test_of_very_many_rounds_some_are_drawn_as_points_and_all_in_boxes(
    make_result: Callable[..., Result],
) -> None:
    slowest = 4_321
    figures = [30.0 if number == slowest else 10 + number / 1e4 for number in range(6_000)]
    rounds = round_table([make_result(rounds=[[value, value + 0.1] for value in figures])])
    spec = charts.round_strips(rounds).to_dict()
    (points,) = spec["datasets"].values()
    assert 1_000 <= len(points) <= 1_003
    assert slowest in {row["round"] for row in points}
    assert f"{len(points):,} of 6,000 rounds" in spec["title"]
    spec = charts.round_boxes(rounds).to_dict()
    (boxes,) = spec["datasets"].values()
    assert len(boxes) <= 160
    assert sum(row["samples"] for row in boxes) == 12_000
    assert (boxes[0]["min_ms"], max(row["max_ms"] for row in boxes)) == (10.0, 30.1)
    assert "38 rounds" in spec["title"]["text"]


@pytest.mark.parametrize("name", ["operator_bars", "round_boxes"])
def test_a_chart_of_one_cell_says_which_and_has_a_menu_of_all(name: str, results: list[Result]) -> None:
    more = msgspec.structs.replace(results[-2], model_name="resnet18")
    spec = _draw(name, [*results, more]).to_dict()
    (menu,) = spec["params"]
    assert "mobilenet_v2 fp16 xnnpack" in menu["bind"]["options"]
    assert menu["value"] == menu["bind"]["options"][0]
    assert "chosen_cell" in spec["title"]["text"]["expr"]


def test_outlying_rounds_are_marked_by_colour_and_shape(results: list[Result]) -> None:
    spec = charts.round_strips(round_table(results)).to_dict()
    (data,) = spec["datasets"].values()
    assert {row["round"] for row in data if row["outlying"]} == {4}
    assert spec["encoding"]["color"]["field"] == spec["encoding"]["shape"]["field"] == "outlying"


def test_names_are_lifted_or_lowered_where_they_would_cover_each_other() -> None:
    assert name_offsets([10, 200], [50, 50], ["one", "another"]) == [0, 0]
    near = name_offsets([10, 12, 14], [50, 50, 52], ["one cell"] * 3)
    assert near[0] == 0 and min(near[1:]) < 0 < max(near[1:])
    at = [50 + near[0], 50 + near[1], 52 + near[2]]
    assert min(abs(one - other) for one, other in combinations(at, 2)) >= LINE
    assert name_offsets([10] * 30, [50] * 30, ["cell"] * 30)[-1] == 0, "there is no place left"


def test_the_accuracy_chart_shows_shares_of_trained_weights_with_both_intervals(
    make_result: Callable[..., Result],
) -> None:
    def judged(precision: str, right: int, weights: str = "bundled", model: str = "resnet18") -> Result:
        rounds = _rounds(2.0)
        return make_result(
            model, precision, rounds=rounds, stability=assess(rounds), **_judged(right, weights)
        )

    cells = [judged("fp32", 950), judged("int8", 900), judged("fp16", 100, "random", "other")]
    spec = charts.accuracy(to_frame(cells)).to_dict()
    (data,) = spec["datasets"].values() if "datasets" in spec else [spec["data"]["values"]]
    assert {row["label"]: row["value"] for row in data} == {"resnet18 fp32": 95.0, "resnet18 int8": 90.0}
    assert all(row["low"] < row["value"] < row["high"] for row in data)
    assert "text" in str(spec["layer"][-1]["mark"])
    many = [judged("fp32", 150, model=f"model{number}") for number in range(30)]
    assert len(charts.accuracy(to_frame(many)).to_dict()["layer"]) == 3, "no names of 30 cells"
    for without in ([judged("int8", 9, weights="random")], [make_result(evaluation={"loss": 0.5})]):
        assert charts.is_blank(charts.accuracy(to_frame(without)))
