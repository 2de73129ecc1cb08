"""The script that draws the charts: bundled once, and again where what is kept is not what was written."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.results.report import vega


@pytest.fixture
def bundled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return a list that grows with each bundling."""
    made: list[str] = []

    def bundle() -> str:
        made.append(f"script {len(made)} ˢ\n//")
        return made[-1]

    monkeypatch.setattr(vega, "_bundled", bundle)
    return made


def test_what_is_kept_is_what_vl_convert_bundles(tmp_path: Path) -> None:
    script = vega.vega_script(tmp_path)
    assert "vegaEmbed" in script
    assert vega.vega_script(tmp_path) == script == vega.vega_script(None)


def test_it_is_bundled_once_for_a_folder(bundled: list[str], tmp_path: Path) -> None:
    assert {vega.vega_script(tmp_path) for _ in range(3)} == set(bundled)
    assert len(bundled) == 1


def test_without_a_cache_nothing_is_kept(
    bundled: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETBENCH_CACHE", str(tmp_path))
    vega.vega_script(None)
    assert len(bundled) == 1
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("spoil", [b"", b"alert(1)", b"\xff\xfe\n", b"0" * 64 + b"\nalert(1)"])
def test_a_file_that_is_not_what_was_written_is_made_anew(
    spoil: bytes, bundled: list[str], tmp_path: Path
) -> None:
    vega.vega_script(tmp_path)
    (kept,) = (tmp_path / "report").iterdir()
    kept.write_bytes(spoil)
    assert vega.vega_script(tmp_path) == bundled[1]
    assert vega.vega_script(tmp_path) == bundled[1]
    assert len(bundled) == 2


def test_a_cache_that_cannot_be_written_is_done_without(bundled: list[str], tmp_path: Path) -> None:
    (tmp_path / "report").write_text("in the way")
    assert vega.vega_script(tmp_path) == bundled[0]
