"""Files that appear whole or not at all, and for others to read."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.system.files import replace_file, replacing


def test_a_new_file_takes_the_place_of_the_old_one_with_the_rights_of_any_other(tmp_path: Path) -> None:
    (plain := tmp_path / "plain").touch()
    (path := tmp_path / "file").write_bytes(b"old")
    replace_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode == plain.stat().st_mode, "`tempfile` lets nobody else read it"
    assert sorted(tmp_path.iterdir()) == [path, plain]


def test_after_an_error_the_old_one_stands(tmp_path: Path) -> None:
    (path := tmp_path / "file").write_bytes(b"old")
    with pytest.raises(RuntimeError, match="half way"), replacing(path) as file:
        file.write(b"ne")
        raise RuntimeError("half way")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
