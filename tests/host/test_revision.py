"""The commit of the working directory, from real repositories."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from etbench.host import revision
from etbench.host.environment import read_environment
from etbench.host.revision import read_revision


def _git(*arguments: str) -> str:
    identity = ("-c", "user.name=test", "-c", "user.email=test@example.org")
    return subprocess.run(
        ["git", *identity, *arguments], check=True, capture_output=True, text=True
    ).stdout.strip()


pytestmark = pytest.mark.needs("git")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working directory, in no repository, and nothing remembered of another one."""
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(revision, "TIMEOUT_S", 300)
    read_revision.cache_clear()
    yield tmp_path
    read_revision.cache_clear()


def test_the_commit_and_whether_tracked_files_differ(folder: Path) -> None:
    _git("init", "--quiet")
    assert read_revision() == (None, None), "there is no commit yet"
    (folder / "model.py").write_text("width = 1\n")
    _git("add", "model.py")
    _git("commit", "--quiet", "--message", "A model")
    commit = _git("rev-parse", "HEAD")
    (folder / "result.json").write_text("{}")
    read_revision.cache_clear()
    assert read_revision() == (commit, False), "a file that git does not track is no change"
    (folder / "model.py").write_text("width = 2\n")
    assert read_revision() == (commit, False), "what runs is what was there at first"
    read_revision.cache_clear()
    assert read_revision() == (commit, True)
    environment = read_environment(threads=None)
    assert (environment.commit, environment.dirty) == (commit, True)


def test_outside_of_a_repository_there_is_none(folder: Path) -> None:
    assert read_revision() == (None, None)


def test_without_git_there_is_none(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _git("init", "--quiet")
    monkeypatch.setenv("PATH", str(folder))
    assert read_revision() == (None, None)
