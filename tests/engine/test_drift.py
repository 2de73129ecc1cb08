"""How far apart runs are on this machine: measured with runs of etbench, printed for `compare`."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import pytest

from etbench.cli.main import main
from etbench.engine import drift
from etbench.errors import EtbenchError
from etbench.results.schema import Result

MakeResult = Callable[..., Result]
LOGS = (0.5, *(0.1, -0.1) * 5)  # the first run, which may build, does not count


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, make_result: MakeResult) -> list[Path]:
    """The folders of the runs, which are made up and take no time."""
    folders: list[Path] = []

    def run(folder: Path) -> Result:
        folders.append(folder)
        return make_result(rounds=[[math.exp(LOGS[len(folders) - 1])]] * 5)

    monkeypatch.setattr(drift, "_run", run)
    return folders


def test_the_command_prints_the_drift_and_the_bound_for_compare(
    runs: list[Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["doctor", "--drift", "0.001"]) == 0
    printed = capsys.readouterr().out
    assert "run 10 of 10: 0.9048 ms" in printed
    deviation = 0.1 * math.sqrt(10 / 9)
    bound = deviation * math.sqrt(9 / 3.325)  # chi-squared, 5 % of 9
    assert f"drift between runs: {deviation:.1%}" in printed
    assert f"etbench compare BASELINE NEW --drift {bound:.1%}" in printed
    assert len({folder.name for folder in runs}) == 11


def test_the_runs_are_spread_over_the_time(
    runs: list[Path], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    waited: list[float] = []

    def sleep(seconds: float) -> None:
        waited.append(seconds)
        clock[0] += seconds

    clock = [100.0]
    monkeypatch.setattr(drift.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(drift.time, "sleep", sleep)

    def tell(number: int, result: Result) -> None:
        clock[0] += lasts

    lasts = 5.0
    assert drift.measure_drift(tmp_path, over_s=540, tell=tell)[1] == 540
    assert waited == [0.0] + [55.0] * 9
    lasts = 70.0
    runs.clear()
    waited.clear()
    assert drift.measure_drift(tmp_path, over_s=540, tell=tell)[1] == 630
    assert waited == [0.0] * 10


def test_a_run_that_fails_is_named_with_what_it_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(drift, "PROGRAM", ("model=nonesuch",))
    with pytest.raises(
        EtbenchError, match=r"(?s)a run of model=nonesuch failed with exit status 2:\n.*no such model"
    ):
        drift.measure_drift(tmp_path, over_s=0.0, tell=lambda number, result: None)


@pytest.mark.parametrize("minutes", ["0", "-1", "soon"])
def test_a_time_that_is_none_is_bad_usage(minutes: str) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["doctor", f"--drift={minutes}"])
    assert caught.value.code == 2
