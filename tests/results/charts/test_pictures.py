"""What a picture says of itself."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec

from etbench.results import charts, to_frame
from etbench.results.charts.pictures import where_and_when, write_pictures
from etbench.results.schema import Result

MakeResult = Callable[..., Result]


def test_a_picture_names_machine_date_and_what_its_lines_are(make_result: MakeResult, tmp_path: Path) -> None:
    frame = to_frame([make_result(), make_result(precision="int8", created_at="2026-01-03T10:00:00+00:00")])
    measured = where_and_when(frame)
    assert measured == f"{frame['machine'].iloc[0]}, 2026-01-01 to 2026-01-03 (UTC)"
    drawn = {"precision_bars": charts.precision_bars(frame), "pareto": charts.pareto(frame)}
    (bars, pareto), faults = write_pictures(drawn, tmp_path, ["svg"], measured=measured)
    assert not faults
    assert measured in bars.read_text()
    assert "95 % interval of the median" in bars.read_text()
    assert measured in pareto.read_text()


def test_several_machines_are_counted(make_result: MakeResult) -> None:
    other = msgspec.structs.replace(make_result().environment, cpu="EPYC")
    frame = to_frame([make_result(), make_result(environment=other)])
    assert where_and_when(frame) == "2 machines, 2026-01-01 (UTC)"
    assert where_and_when(to_frame([])) == ""
