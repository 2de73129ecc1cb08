"""Files that appear whole or not at all, and for others to read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from etbench.system.files import (
    append_to,
    copy_regular,
    folder_fault,
    own_folder,
    replace_file,
    replacing,
    sha256,
)
from etbench.system.reading import RefusedError


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


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (victim := tmp_path / "victim").write_bytes(b"mine")
    (path := tmp_path / "report.html").symlink_to(victim)
    replace_file(path, b"page")
    assert (path.read_bytes(), path.is_symlink(), victim.read_bytes()) == (b"page", False, b"mine")
    (log := tmp_path / "log").symlink_to(victim)
    for body in (b"one ", b"two"):
        append_to(log, body)
    assert (log.read_bytes(), log.is_symlink(), victim.read_bytes()) == (b"one two", False, b"mine")


def test_a_fifo_is_replaced_instead_of_waited_for(tmp_path: Path) -> None:
    for write in (replace_file, append_to):
        os.mkfifo(path := tmp_path / write.__name__)
        write(path, b"body")
        assert path.read_bytes() == b"body"


def test_a_stream_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    for write in (replace_file, append_to):
        write(Path(f"/dev/fd/{writing}"), b"body")
        assert os.read(reading, 99) == b"body"
    os.close(reading)
    os.close(writing)
    with pytest.raises(OSError, match="No space left"):
        replace_file(Path("/dev/full"), b"body")
    with pytest.raises(FileNotFoundError):
        replace_file(Path("/dev/no-such-device"), b"body")


def test_a_folder_of_its_own_is_not_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (link := tmp_path / ".etbench").symlink_to("elsewhere")
    with pytest.raises(RefusedError, match="it is a link, but must be a folder; remove it"):
        own_folder(link)
    assert own_folder(tmp_path / "a" / "b").is_dir()


def test_a_copy_and_a_checksum_are_of_regular_files_only(tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    for use in (sha256, lambda path: copy_regular(path, tmp_path / "copy")):
        with pytest.raises(RefusedError, match="a FIFO, not a regular file"):
            use(fifo)
    assert not (tmp_path / "copy").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_a_file_without_an_end_has_no_checksum(tmp_path: Path) -> None:
    (path := tmp_path / "file").symlink_to("/proc/self/pagemap")  # of size 0, with the pages of all addresses
    with pytest.raises(RefusedError, match="it changes while it is read"):
        sha256(path)


def test_a_long_name_leaves_room_for_that_of_its_temporary_file(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 255)
    replace_file(path, b"body")
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_folder_that_cannot_be_used_or_made_is_told_from_one_that_can(tmp_path: Path) -> None:
    (file := tmp_path / "file").touch()
    (circle := tmp_path / "circle").symlink_to("circle")
    (nowhere := tmp_path / "nowhere").symlink_to("nothing")
    (link := tmp_path / "link").symlink_to(tmp_path)
    for usable in (tmp_path, tmp_path / "new" / "newer", link, link / "new"):
        assert folder_fault(usable) is None
    assert folder_fault(file) == "it is a file"
    assert folder_fault(file / "new") == f"{file} is a file"
    for bad in (circle, nowhere):
        assert folder_fault(bad) == "it is a link that leads to no folder"
        assert folder_fault(bad / "new") == f"{bad} is a link that leads to no folder"
