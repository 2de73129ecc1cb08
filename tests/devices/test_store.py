"""What a device keeps of what it was sent."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from etbench.devices import store


def _send(
    entries: dict[str, dict[str, Path]], monkeypatch: pytest.MonkeyPatch, root: Path, *rest: str
) -> None:
    """Have the store take these entries in, as the other end of a connection would send them."""
    root.mkdir(exist_ok=True)
    sent = io.BytesIO()
    with tarfile.open(fileobj=sent, mode="w|") as archive:
        for name, files in entries.items():
            for inside, path in files.items():
                archive.add(path, f"{name}/{inside}")
    sent.seek(0)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=sent))
    store.main("take", str(root), *rest)


def _files(folder: Path, text: str) -> dict[str, Path]:
    path = folder / f"{text}.txt"
    path.write_text(text * 1000)
    return {"inner/a.txt": path}


@pytest.mark.parametrize("python", ["newer", "3.11.2"])
def test_what_was_sent_is_found_again(python: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    if python == "3.11.2":  # of Debian 12, whose tarfile knows no filters
        extract = tarfile.TarFile.extractall

        def extract_all(archive: Any, path: str, members: Any = None) -> None:
            extract(archive, path, members)

        monkeypatch.delattr(tarfile, "data_filter")
        monkeypatch.setattr(tarfile.TarFile, "extractall", extract_all)
    files = _files(tmp_path, "a")
    name = store.digest(files)
    _send({name: files}, monkeypatch, tmp_path / "root", "1000000")
    assert store.look(tmp_path / "root", [name, "other"])["missing"] == ["other"]
    assert [path.name for path in (tmp_path / "root").iterdir()] == [name]


def test_what_changed_on_its_way_is_not_taken_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="other did not arrive whole"):
        _send({"other": _files(tmp_path, "a")}, monkeypatch, tmp_path / "root", "1000000")
    assert not list((tmp_path / "root").iterdir())
