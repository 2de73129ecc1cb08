"""Which cells one measuring process measures in interleaved rounds."""

from __future__ import annotations

from pathlib import Path

import pytest
from running import CONF

from etbench import compose
from etbench.engine.cell_run import CellRun
from etbench.engine.phases import measured_together


@pytest.mark.parametrize(
    ("overrides", "groups"),
    [
        ((["precision=fp32"], ["precision=int8"]), 1),
        ((["measure.start=fork"], ["measure.start=spawn"]), 2),
        ((["device=ssh", "device.host=pi"], ["device=ssh", "device.host=pi", "runner=native"]), 2),
    ],
    ids=["programs", "settings", "a device with Python and a board without"],
)
def test_cells_share_a_process_if_it_can_measure_all_of_them_alike(
    tmp_path: Path, overrides: tuple[list[str], ...], groups: int
) -> None:
    runs = [
        CellRun(compose(["model=tiny", *asked], config_dir=CONF), tmp_path / "out", tmp_path, None)
        for asked in overrides
    ]
    assert len(measured_together(runs)) == groups
