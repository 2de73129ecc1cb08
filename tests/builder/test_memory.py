"""A build that takes more memory than there is."""

from __future__ import annotations

import re
from contextlib import suppress
from pathlib import Path

import psutil
import pytest
from builds import Builds
from running import TESTS

from etbench.builder import Built, memory
from etbench.errors import EtbenchError


def test_a_build_above_its_limit_is_ended_with_need_and_limit_and_the_next_one_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    builds = Builds(tmp_path)
    builds.run("model=swelling", "model=tiny", max_bytes=2_500_000_000)
    error = builds.done["model=swelling"]
    assert isinstance(error, EtbenchError)
    assert (error.stage, error.kind) == ("load", "OutOfMemory")
    took = re.fullmatch(r"the build used ([\d.]+) GB of memory, more than build\.max_gb=2\.5", error.message)
    assert took and 2.5 <= float(took[1]) < 5, error.message
    assert isinstance(builds.done["model=tiny"], Built)


def test_a_build_that_leaves_too_little_to_the_machine_is_ended_with_need_and_have(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    # The machine is made small: it counts as full once its builders, whatever else it does, take 2 GB.
    monkeypatch.setattr(memory, "available_bytes", lambda: memory.RESERVE_BYTES + 2_000_000_000 - _taken())
    builds = Builds(tmp_path)
    builds.run("model=swelling")
    error = builds.done["model=swelling"]
    assert isinstance(error, EtbenchError)
    assert error.kind == "OutOfMemory"
    assert f"of {psutil.virtual_memory().total / 1e9:.1f} GB left" in error.message


def _taken() -> int:
    taken = 0
    for child in psutil.Process().children(recursive=True):
        with suppress(psutil.NoSuchProcess):
            taken += child.memory_info().rss
    return taken
