"""Seals are valid for their text and their user only, also those of files and folders."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from running import environment

from etbench.system.seal import has_own_seal, is_sealed, seal, write_seal


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


def test_a_sealed_file_is_refused_once_it_has_another_content_or_others_can_change_it(
    state: Path, tmp_path: Path
) -> None:
    path = tmp_path / "runner"
    path.write_text("content")
    assert not has_own_seal(path, Path.read_text), "it has none yet"
    assert write_seal(path, "content")
    assert has_own_seal(path, Path.read_text)
    path.chmod(0o620)
    assert not has_own_seal(path, Path.read_text)
    path.chmod(0o600)
    path.write_text("planted")
    assert not has_own_seal(path, Path.read_text)
    path.write_text("content")
    (state / "key").unlink()
    assert not has_own_seal(path, Path.read_text), "sealed by another user"


@pytest.mark.parametrize("kind", ["link", "fifo", "missing"])
def test_nothing_but_a_file_or_folder_has_a_seal_and_nothing_else_is_read(
    kind: str, state: Path, tmp_path: Path
) -> None:
    path, content = tmp_path / "runner", tmp_path / "content"
    content.write_text("content")
    if kind == "link":
        path.symlink_to(content)
    elif kind == "fifo":
        os.mkfifo(path)
    assert write_seal(path, "content"), "the seal is written before the file that it is of"
    assert not has_own_seal(path, lambda _: "content")


def test_a_folder_has_a_seal_of_what_describes_it(state: Path, tmp_path: Path) -> None:
    folder = tmp_path / "libraries"
    folder.mkdir(mode=0o700)
    assert write_seal(folder, "nothing")
    assert has_own_seal(folder, lambda path: "nothing" if not list(path.iterdir()) else "something")
    (folder / "planted").touch()
    assert not has_own_seal(folder, lambda path: "nothing" if not list(path.iterdir()) else "something")


def test_without_a_folder_for_the_key_nothing_is_sealed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file/of nobody"))
    assert not write_seal(tmp_path / "runner", "content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


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
