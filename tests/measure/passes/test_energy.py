"""Energy from RAPL counters; those here are a made-up sysfs tree, for no machine of the tests has any."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.errors import EtbenchError
from etbench.measure.passes.energy import Counter, energy_of, find_counters, spent_joules

RANGE_UJ = 262_143_328_850


def _zone(root: Path, zone: str, name: str, energy_uj: int = 1_000_000) -> Path:
    folder = root / zone
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{RANGE_UJ}\n")
    (folder / "energy_uj").write_text(f"{energy_uj}\n")
    return folder / "energy_uj"


def test_only_whole_packages_are_counted(tmp_path: Path) -> None:
    _zone(tmp_path, "intel-rapl:0", "package-0")
    _zone(tmp_path, "intel-rapl:0:0", "core")
    _zone(tmp_path, "intel-rapl:1", "package-1")
    _zone(tmp_path, "intel-rapl:2", "psys")
    assert [counter.name for counter in find_counters(tmp_path)] == ["package-0", "package-1"]


def test_no_counters_are_a_reason(tmp_path: Path) -> None:
    with pytest.raises(EtbenchError, match="no RAPL counters") as caught:
        find_counters(tmp_path / "none")
    assert caught.value.stage == "energy"


def test_a_counter_that_cannot_be_read_is_a_reason_with_a_hint(tmp_path: Path) -> None:
    energy = _zone(tmp_path, "intel-rapl:0", "package-0")
    energy.unlink()
    energy.mkdir()  # as unreadable to root as to anyone
    with pytest.raises(EtbenchError, match="cannot be read") as caught:
        find_counters(tmp_path)
    assert "energy_uj" in caught.value.hint


def test_each_inference_gets_its_share_of_the_joules(tmp_path: Path) -> None:
    energy = _zone(tmp_path, "intel-rapl:0", "package-0")

    def infer() -> None:
        energy.write_text(str(int(energy.read_text()) + 250_000))

    found = energy_of(infer, find_counters(tmp_path), seconds=0.05, idle_s=0.01)
    assert found.inferences >= 1
    assert found.idle_watts == 0
    assert found.joules_per_inference == pytest.approx(0.25)
    assert found.gross_joules_per_inference == pytest.approx(0.25)
    assert found.busy_watts == pytest.approx(0.25 * found.inferences / found.seconds)
    assert found.domains == ["package-0"]


def test_the_power_at_rest_is_subtracted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    energy = _zone(tmp_path, "intel-rapl:0", "package-0", energy_uj=0)
    clock = [0.0]

    def draw(seconds: float, watts: float) -> None:
        clock[0] += seconds
        energy.write_text(str(round(int(energy.read_text()) + watts * seconds * 1e6)))

    monkeypatch.setattr("etbench.measure.passes.energy.time.perf_counter", lambda: clock[0])
    monkeypatch.setattr("etbench.measure.passes.energy.time.sleep", lambda seconds: draw(seconds, watts=10.0))
    found = energy_of(lambda: draw(0.5, watts=30.0), find_counters(tmp_path), seconds=2.0, idle_s=0.5)
    assert found.idle_watts == pytest.approx(10.0)
    assert found.busy_watts == pytest.approx(30.0)
    assert found.inferences == 4
    assert found.gross_joules_per_inference == pytest.approx(15.0)
    assert found.joules_per_inference == pytest.approx(10.0)


def test_a_counter_that_began_again_is_no_negative_energy(tmp_path: Path) -> None:
    counter = Counter("package-0", tmp_path, RANGE_UJ)
    assert spent_joules([counter], [RANGE_UJ - 999_999], [1_000_000]) == pytest.approx(2.0)
