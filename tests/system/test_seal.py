"""Seals are valid for their text and their user only."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from running import environment

from etbench.system.seal import is_sealed, seal


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of this user's key."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    return tmp_path / "state" / "etbench"


def test_a_seal_is_of_its_text_and_its_key(state: Path) -> None:
    sealed = seal("text")
    assert is_sealed("text", sealed)
    assert seal("text") == sealed
    for text, other in [("other", sealed), ("text", ""), ("text", "0" * 64), ("text", "é")]:
        assert not is_sealed(text, other)
    (state / "key").unlink()
    assert not is_sealed("text", sealed)
    assert seal("text") != sealed


@pytest.mark.parametrize("mode", [0o644, 0o660])
def test_a_key_that_others_can_read_seals_nothing(mode: int, state: Path) -> None:
    sealed = seal("text")
    assert (state / "key").stat().st_mode & 0o077 == 0
    (state / "key").chmod(mode)
    assert not is_sealed("text", sealed)
    assert seal("text") == ""


def test_processes_that_begin_at_once_have_one_key(state: Path) -> None:
    program = "from etbench.system.seal import seal; print(seal('text'))"
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program], env=environment(), stdout=subprocess.PIPE, text=True
        )
        for _ in range(4)
    ]
    assert {process.communicate()[0] for process in processes} == {f"{seal('text')}\n"}
    assert [path.name for path in state.iterdir()] == ["key"]
