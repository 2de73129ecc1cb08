"""Charts draw what is in the frame."""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from etbench.results import to_frame
from etbench.results.charts import delegate_bars, precision_bars, speedup_bars
from etbench.results.schema import Result


@pytest.fixture
def frame(make_result: Callable[..., Result]) -> pd.DataFrame:
    return to_frame(
        make_result(model, precision, delegate, p50=p50 * factor * slowdown)
        for model, p50 in (("resnet18", 10), ("mobilenet_v2", 2))
        for precision, factor in (("fp32", 1), ("int8", 0.5))
        for delegate, slowdown in (("xnnpack", 1), ("portable", 300))
    )


@pytest.mark.parametrize("chart", [precision_bars, delegate_bars, speedup_bars])
def test_each_chart_renders_in_colour(chart: Callable[..., object], frame: pd.DataFrame) -> None:
    picture = io.BytesIO()
    chart(frame).save(picture, format="png")  # type: ignore[attr-defined]
    pixels = np.asarray(Image.open(picture).convert("RGB")).reshape(-1, 3).astype(int)
    coloured = (pixels.max(axis=1) - pixels.min(axis=1)) > 60
    assert coloured.mean() > 0.05, "no bars were drawn"


@pytest.mark.parametrize("chart", [precision_bars, delegate_bars, speedup_bars])
def test_an_empty_frame_draws_an_empty_chart(chart: Callable[..., object]) -> None:
    picture = io.StringIO()
    chart(to_frame([])).save(picture, format="svg")  # type: ignore[attr-defined]
    assert "<svg" in picture.getvalue()


def test_slow_delegates_stand_on_a_log_axis_of_whole_decades(frame: pd.DataFrame) -> None:
    axis = delegate_bars(frame).to_dict()["layer"][0]["encoding"]["x"]
    assert axis["scale"] == {"type": "log", "domain": [1, 10_000]}
    assert axis["title"] == "p50 latency (ms), log scale"


def test_speedup_is_titled_after_the_base(frame: pd.DataFrame) -> None:
    spec = speedup_bars(frame).to_dict()
    assert spec["spec"]["layer"][1]["layer"][0]["encoding"]["x"]["title"].startswith("speedup over fp32 (x)")
    assert spec["title"]["text"] == "Speedup over fp32"
