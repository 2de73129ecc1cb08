"""What a device keeps of what it was sent."""

from __future__ import annotations

import os
import tarfile
import threading
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from etbench.devices import store
from etbench.host.measuring_lock import measuring_lock


def _send(
    entries: dict[str, dict[str, Path]], monkeypatch: pytest.MonkeyPatch, root: Path, *rest: str
) -> None:
    """Have the store take these entries in, as the other end of a connection would send them."""
    root.mkdir(exist_ok=True)
    with tarfile.open(root.with_name("sent"), mode="w") as archive:
        for name, files in entries.items():
            for inside, path in files.items():
                archive.add(path, f"{name}/{inside}")
    with root.with_name("sent").open() as sent:
        monkeypatch.setattr("sys.stdin", sent)
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
    assert store.look(tmp_path / "root", [], [name, "other"])["missing"] == ["other"]
    assert [path.name for path in (tmp_path / "root").iterdir()] == [name]


def test_what_changed_on_its_way_is_not_taken_in(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="other did not arrive intact"):
        _send({"other": _files(tmp_path, "a")}, monkeypatch, tmp_path / "root", "1000000")
    assert not list((tmp_path / "root").iterdir())


def test_room_is_made_by_what_was_used_longest_ago_and_is_not_wanted_now(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    entries = [_files(tmp_path, text) for text in "abcd"]
    names = [store.digest(files) for files in entries]
    root = tmp_path / "root"
    _send(dict(zip(names[:3], entries[:3], strict=True)), monkeypatch, root, "1000000")
    for age, name in enumerate(names[:3]):
        os.utime(root / name, (age, age))
    _send({names[3]: entries[3]}, monkeypatch, root, "2000", names[0], names[3])
    assert {path.name for path in root.iterdir()} == {names[0], names[2], names[3]}


def test_a_sender_that_falls_silent_does_not_keep_the_turn(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(store, "SILENCE_S", 0.1)
    heard, sends = os.pipe()
    with os.fdopen(heard) as silence, os.fdopen(sends, "wb"):
        monkeypatch.setattr("sys.stdin", silence)
        with pytest.raises(SystemExit, match="nothing was sent"):
            store.main("take", str(tmp_path), "1000000")
    assert not list(tmp_path.iterdir())


def test_nothing_is_looked_through_while_somebody_measures(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    with measuring_lock(lambda: None):
        store.main("look", str(tmp_path), "msgspec")  # for nothing but what the interpreter has
        assert capsys.readouterr().out.splitlines()[0] == store.READY
        looking = threading.Thread(target=store.main, args=("look", str(tmp_path), "msgspec", "a"))
        looking.start()
        wait_for(lambda: capsys.readouterr().out == f"{store.WAITING}\n")
    looking.join()
    assert f"{store.READY}\n" in capsys.readouterr().out
