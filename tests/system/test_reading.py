"""Files of a stranger: only regular ones are read, at once, up to a size and a depth."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from etbench.system import reading
from etbench.system.files import sha256
from etbench.system.reading import RefusedError, open_regular, path_fault, read_file
from etbench.system.strict_json import MOST_DEPTH, decode_json, plain_fault

PLANTED: dict[str, tuple[Callable[[Path], object], str]] = {
    "a FIFO": (os.mkfifo, "it is a FIFO, not a regular file"),
    "a folder": (Path.mkdir, "it is a folder, not a regular file"),
    "an endless device": (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a regular file"),
    "a file that grows": (lambda path: path.symlink_to("/proc/self/status"), "it changes while it is read"),
}


@pytest.mark.parametrize("name", PLANTED)
def test_what_is_not_a_regular_file_is_refused_without_waiting(name: str, tmp_path: Path) -> None:
    plant, reason = PLANTED[name]
    plant(path := tmp_path / "x.json")
    with pytest.raises(RefusedError) as refused:
        read_file(path)
    assert refused.value.strerror == reason
    assert refused.value.filename == str(path)


def _whole(path: Path) -> bytes:
    with open_regular(path) as file:
        return file.read()


def test_a_file_with_nothing_to_read_yet_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As /proc/kmsg, a regular file that only root may open, and whose messages are gone once they are read.
    monkeypatch.setattr(reading, "_check_regular", lambda *_: None)
    os.mkfifo(path := tmp_path / "file")
    with path.open("rb+", buffering=0):
        for use in (read_file, sha256, _whole):
            with pytest.raises(RefusedError, match="it has nothing to read yet"):
                use(path)


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_an_error_of_reading_names_the_file(tmp_path: Path) -> None:
    (path := tmp_path / "file").symlink_to("/proc/self/mem")
    with pytest.raises(OSError, match="Input/output error") as failed, open_regular(path) as file:
        file.read(1)
    assert failed.value.filename == str(path)


def test_a_link_to_a_regular_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"content")
    (link := tmp_path / "link").symlink_to("file")
    assert read_file(link) == b"content"
    with open_regular(link) as file:
        assert (file.seek(3), file.read()) == (3, b"tent")


def test_a_large_file_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with (path := tmp_path / "sparse").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(RefusedError, match="1,099,511,627,776 bytes, and at most"):
        read_file(path)
    (path := tmp_path / "small").write_bytes(b"12345")
    with pytest.raises(RefusedError, match="it has 5 bytes, and at most 4"):
        read_file(path, most_bytes=4)
    assert read_file(path, most_bytes=5) == b"12345"


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[" * 2_000, "nested too deeply"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'["\xff"]', "UTF-8"),
        (b"[1", "truncated"),
    ],
    ids=["lists", "objects", "not UTF-8", "cut off"],
)
def test_whatever_is_wrong_with_json_is_one_error(body: bytes, reason: str) -> None:
    with pytest.raises(msgspec.DecodeError, match=reason):
        decode_json(body)


def test_values_of_any_form_have_a_depth_and_integers_a_size() -> None:
    def nested(depth: int) -> list[object]:
        value: list[object] = []
        for _ in range(depth - 1):
            value = [value]
        return value

    assert plain_fault(nested(MOST_DEPTH)) is None
    assert plain_fault(nested(MOST_DEPTH + 1)) == f"nested more than {MOST_DEPTH} levels deep"
    assert plain_fault({"a": [2**63 - 1, -(2**63), 1e300, "text", None]}) is None
    for number in (2**63, -(2**63) - 1, 10**400):
        assert plain_fault({"a": [{"b": number}]}) == "an integer has more than 64 bits"


def test_a_path_is_checked_with_its_kind(tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    assert path_fault(tmp_path) is None
    assert path_fault(tmp_path, folders=False) == f"{tmp_path}: a folder, not a regular file"
    assert path_fault(fifo) == f"{fifo}: a FIFO, not a regular file"
    assert path_fault(tmp_path / "none") == f"{tmp_path / 'none'}: no such file or folder"
    assert path_fault("x" * 300) == f"{'x' * 300}: File name too long"
    assert path_fault("a\0b") == "a\0b: embedded null byte"
