"""Folders that somebody else made, as the page reads them: nothing stops it or is left out unsaid."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest
from hostile import make_hostile

from etbench.results.files.store import UnreadableError, read_result
from etbench.ui import library as library_module
from etbench.ui import watch as watch_module
from etbench.ui.external_runs import ExternalRuns
from etbench.ui.library import Library
from etbench.ui.pages.cells import _words, histogram
from etbench.ui.watch import find_runs


@pytest.fixture
def hostile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(library_module, "LOOK_EVERY_S", 0.0)
    monkeypatch.setattr(watch_module, "LOOK_EVERY_S", 0.0)
    make_hostile(tmp_path / "received")
    return tmp_path / "received"


def test_every_file_is_listed_or_left_out_with_its_reason(hostile: Path) -> None:
    library = Library([hostile])
    library.look()
    assert {key.removeprefix("received/") for key in library.entries} - {"not\\xff.json"} <= {
        *("no_latency.json", "no_message.json", "not\\udcff.json")
    }
    why = {key.removeprefix("received/"): reason for key, reason in library.unreadable.items()}
    assert "not a regular file" in why["fifo.json"]
    assert "nested too deeply" in why["deep.json"] and "nested" in why["deep_config.json"]
    assert "more than 64 bits" in why["large_integer.json"]
    assert "cannot be read" in why["loop.json"]
    assert "JSON" in why["empty.json"]
    assert "zero.json" not in why, "a link that leads out is not followed"
    left_out = dict(library.left_out(["received"]))
    assert left_out["silent fp32 xnnpack"] == "failed at stage lower: RuntimeError"
    for text in [*library.entries, *left_out, *left_out.values()]:
        text.encode("utf-8")


def test_a_run_of_such_a_folder_is_shown_as_far_as_it_can_be(hostile: Path) -> None:
    runs = ExternalRuns([hostile.parent])
    runs.look()
    (watch,) = runs.watches.values()
    assert not watch.alive
    assert [(row.name, row.state) for row in watch.rows.values()] == [
        *(("a", "ok"), ("\0", ""), ("../../etc/passwd", ""))
    ]
    assert watch.files == {}
    first = watch.rows["0"]
    assert len(first.medians_ms) == 2, "a round of 0 ms is no event"
    assert len(_words(first, "")) == 6, "its spread is drawn"
    watch.look()
    assert watch.fault == ""


@pytest.mark.parametrize("medians", [[0.0, 0.0], [1.0, 1.0000000000000002], [0.0, 5e-324], [0.0, 1e12]])
def test_rounds_that_are_alike_or_far_apart_can_be_drawn(medians: list[float]) -> None:
    for p50 in (0.0, medians[0], 1e12):
        drawn = histogram(medians, p50)
        assert drawn is not None
        assert max(drawn["bars"]) == 10.0
        assert 0 <= drawn["p50"] <= 24


def test_a_folder_that_is_too_deep_does_not_hide_the_others(tmp_path: Path, hostile: Path) -> None:
    deep = tmp_path / "deep"
    deep.mkdir()
    here = os.open(deep, os.O_RDONLY)
    for _ in range(1_500):
        os.mkdir("d", dir_fd=here)
        inner = os.open("d", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    assert find_runs([deep, hostile]) == [hostile]
    library = Library([deep, hostile])
    library.look()
    assert library.entries
    subprocess.run(["rm", "-r", deep], check=True)  # `shutil.rmtree` goes as deep as the folders, too


@pytest.mark.parametrize("name", ["fifo.json", "folder.json", "loop.json", "zero.json", "\0.json", "a" * 300])
def test_what_is_not_a_file_is_refused_without_waiting_for_it(hostile: Path, name: str) -> None:
    with pytest.raises(UnreadableError):
        read_result(hostile / name)
