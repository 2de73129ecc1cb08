"""The command line that the Decide tab shows gives the answer that the tab shows."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from etbench.cli.main import main
from etbench.results.decision.decide import decide
from etbench.results.decision.rules import Rules
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.results.tables.metrics import METRIC
from etbench.ui.pages.decide import decide_command


@pytest.mark.parametrize("bounds", [{}, {"sqnr_db": ">=20dB"}], ids=["no bounds", "a bound"])
@pytest.mark.parametrize(
    "declared",
    [{}, {"objective": "pte_bytes", "bounds": {"sqnr_db": ">=90"}}, {"objective": "latency_ms.p50"}],
    ids=["nothing", "another objective", "the same objective"],
)
def test_the_command_gives_the_answer_of_the_sliders_whatever_the_sweep_declares(
    declared: dict[str, object],
    bounds: dict[str, str],
    make_result: Callable[..., Result],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    results = [
        make_result(p50=10.0, pte_bytes=1_000, config={"decision": declared}),
        make_result(precision="int8", p50=4.0, pte_bytes=2_000, sqnr_db=30.0, config={"decision": declared}),
    ]
    for one in results:
        write_result(one, tmp_path, one.precision_short)
    (shown,) = decide(results, Rules.of(METRIC, bounds))
    words = shlex.split(decide_command([str(tmp_path)], bounds, results))
    assert words[0] == "etbench"
    assert main([*words[1:], "--format", "json"]) == 0
    (answer,) = json.loads(capsys.readouterr().out)["answers"]
    assert shown.ship is not None
    assert answer["ship"]["cell"] == shown.ship.cell == "resnet18 int8 xnnpack"
