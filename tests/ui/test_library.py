"""The listing of results: by key, within the folders, kept up to date."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from running import TESTS

from etbench.results.files.store import UnreadableError, read_result
from etbench.results.schema import Result
from etbench.ui import library as module
from etbench.ui.library import Library

SAMPLE = TESTS.parent / "outputs" / "sample_sweep" / "resnet18_fp32_xnnpack.json"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(module, "LOOK_EVERY_S", 0.0)
    root = tmp_path / "outputs"
    (root / "one").mkdir(parents=True)
    shutil.copy(SAMPLE, root / "one")
    return root


def test_new_changed_and_removed_files_are_seen(root: Path) -> None:
    library = Library([root, root.parent / "not there"])
    first = library.look()
    assert list(library.entries) == ["outputs/one/resnet18_fp32_xnnpack.json"]
    assert library.folders() == ["outputs/one"]
    assert library.look() == first
    (root / "one" / "broken.json").write_text("{")
    second = library.look()
    assert second > first
    assert [name for name, _ in library.left_out(["outputs/one"])] == ["outputs/one/broken.json"]
    shutil.copy(SAMPLE, root / "one" / "broken.json")
    assert library.look() > second
    assert len(library.results(["outputs/one"])) == 2
    shutil.rmtree(root / "one")
    library.look()
    assert library.entries == {} and library.results(["outputs/one"]) == []


def test_a_file_that_is_not_changed_is_read_once_also_if_it_is_no_result(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "one" / "other.json").write_text("{}")
    read: list[str] = []
    monkeypatch.setattr(module, "read_result", lambda path: read.append(path.name) or read_result(path))
    library = Library([root])
    library.look()
    (before,) = library.entries.values()
    shutil.copy(SAMPLE, root / "one" / "third.json")
    library.look()
    assert library.entries[before.key].result is before.result
    assert sorted(read) == ["other.json", SAMPLE.name, "third.json"]
    assert list(library.unreadable) == ["outputs/one/other.json"]


def test_a_file_that_cannot_be_read_for_now_is_tried_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(path: Path) -> Result:
        raise UnreadableError(path, "cannot be read") from OSError()

    library = Library([root])
    with monkeypatch.context() as patched:
        patched.setattr(module, "read_result", away)
        library.look()
        assert library.entries == {}
    library.look()
    assert len(library.entries) == 1 and library.unreadable == {}


def test_a_link_that_leads_out_of_the_folder_is_not_followed(root: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    shutil.copy(SAMPLE, secret)
    (root / "one" / "link.json").symlink_to(secret)
    library = Library([root])
    library.look()
    assert list(library.entries) == ["outputs/one/resnet18_fp32_xnnpack.json"]


@pytest.mark.parametrize("key", ["/etc/passwd", "../secret.json", "outputs/one/../../secret.json"])
def test_a_key_that_is_not_listed_is_nothing(key: str, root: Path, tmp_path: Path) -> None:
    shutil.copy(SAMPLE, tmp_path / "secret.json")
    library = Library([root])
    library.look()
    assert key not in library.entries
    assert library.results([key, str(tmp_path)]) == []


def test_two_folders_of_one_name_are_told_apart(root: Path, tmp_path: Path) -> None:
    other = tmp_path / "b" / "outputs"
    shutil.copytree(root, other)
    library = Library([root, other])
    library.look()
    assert library.folders() == ["outputs#1/one", "outputs#2/one"]
