"""The artifact cache: what is found again, what is refused, what goes first."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from pathlib import Path

import msgspec
import pytest
from support import environment

from etbench.build.artifact import Artifact, Delegation, program_path, references_path
from etbench.build.cache import Cache

KEY, OTHER = "a" * 64, "b" * 64


def _artifact(sha256: str) -> Artifact:
    return Artifact(
        pte_bytes=4,
        sha256=sha256,
        arena_bytes=0,
        batch=1,
        inputs=[],
        outputs=[],
        references=1,
        weights="random",
        data="",
        logits_axis=None,
        delegation=Delegation(subgraphs=0, delegated_nodes=0, total_nodes=0, left_behind={}),
        build_s={"lower": 1.0},
    )


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    cache = Cache(tmp_path / "cache", max_bytes=10**9)
    assert cache.writable()
    return cache


def _put(cache: Cache, key: str, body: bytes = b"program") -> Artifact:
    import hashlib

    built = cache.folder.parent / f"built-{key[:4]}"
    built.mkdir(exist_ok=True)
    program_path(built).write_bytes(body)
    references_path(built).write_bytes(b"references")
    artifact = _artifact(hashlib.sha256(body).hexdigest())
    cache.put(key, "tiny_fp32_xnnpack", artifact, built)
    return artifact


def _take(cache: Cache, key: str) -> tuple[Artifact | None, Path]:
    folder = cache.folder.parent / f"taken-{len(list(cache.folder.parent.iterdir()))}"
    folder.mkdir()
    return cache.take(key, folder), folder


def test_what_was_put_is_taken_with_its_files(cache: Cache) -> None:
    artifact = _put(cache, KEY)
    taken, folder = _take(cache, KEY)
    assert taken == artifact
    assert program_path(folder).read_bytes() == b"program"
    assert references_path(folder).read_bytes() == b"references"
    assert _take(cache, OTHER)[0] is None


def _flip(path: Path) -> None:
    body = bytearray(path.read_bytes())
    body[len(body) // 2] ^= 1
    path.write_bytes(body)


def _older(path: Path) -> None:
    sidecar = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(sidecar | {"format": 0}))


def _pickled(path: Path) -> None:
    import pickle

    class Bomb:
        def __reduce__(self) -> tuple:
            return os.abort, ()

    path.write_bytes(pickle.dumps(Bomb()))


def _of_another_key(path: Path) -> None:
    sidecar = msgspec.json.decode(path.read_bytes())
    path.write_bytes(msgspec.json.encode(sidecar | {"key": "../../../etc"}))


DAMAGE = {
    "program flipped": ("model.pte", _flip),
    "program truncated": ("model.pte", lambda path: path.write_bytes(path.read_bytes()[:3])),
    "program empty": ("model.pte", lambda path: path.write_bytes(b"")),
    "program missing": ("model.pte", Path.unlink),
    "references flipped": ("reference.safetensors", _flip),
    "sidecar truncated": ("entry.json", lambda path: path.write_bytes(path.read_bytes()[:40])),
    "sidecar missing": ("entry.json", Path.unlink),
    "sidecar of an older format": ("entry.json", _older),
    "sidecar a pickle": ("entry.json", _pickled),
    "sidecar of another key": ("entry.json", _of_another_key),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_entry_is_removed_and_counts_as_none(damage: str, cache: Cache) -> None:
    _put(cache, KEY)
    name, spoil = DAMAGE[damage]
    (entry,) = cache.entries()
    (entry.folder / name).chmod(0o644)
    spoil(entry.folder / name)
    taken, folder = _take(cache, KEY)
    assert taken is None
    assert list(folder.iterdir()) == [], "nothing damaged is handed out"
    assert not entry.folder.exists()
    artifact = _put(cache, KEY, b"built again")
    assert _take(cache, KEY)[0] == artifact


def test_verify_removes_what_is_damaged_and_keeps_the_rest(cache: Cache) -> None:
    _put(cache, KEY)
    _put(cache, OTHER)
    spoilt = next(entry for entry in cache.entries() if entry.key == KEY)
    _flip(spoilt.folder / "model.pte")
    assert cache.verify() == [spoilt.folder]
    assert [entry.key for entry in cache.entries()] == [OTHER]
    assert cache.verify() == []


def test_the_entries_used_longest_ago_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", max_bytes=3_500)
    cache.writable()
    keys = [letter * 64 for letter in "abc"]
    for number, key in enumerate(keys):
        _put(cache, key, bytes(100))
        sidecar = next(entry.folder / "entry.json" for entry in cache.entries() if entry.key == key)
        os.utime(sidecar, (1_000 + number, 1_000 + number))
    _take(cache, keys[0])  # used just now
    sizes = {entry.bytes for entry in cache.entries()}
    limit = 2 * max(sizes)
    assert [entry.key for entry in cache.prune(limit)] == [keys[1]]
    assert {entry.key for entry in cache.entries()} == {keys[0], keys[2]}


def test_pruning_takes_no_file_from_a_run_that_uses_it(cache: Cache) -> None:
    _put(cache, KEY)
    _, folder = _take(cache, KEY)
    assert len(cache.prune(0)) == 1
    assert program_path(folder).read_bytes() == b"program"


def test_a_key_that_is_a_path_is_refused(cache: Cache) -> None:
    with pytest.raises(ValueError, match="no key of an artifact"):
        _take(cache, "../" * 20 + "abcd")


def test_one_builds_while_the_other_waits(cache: Cache) -> None:
    told, order = threading.Event(), []

    def second() -> None:
        with cache.building(KEY, told.set):
            order.append("second")

    with cache.building(KEY, lambda: order.append("must not wait")):
        other = threading.Thread(target=second)
        other.start()
        assert told.wait(10)
        order.append("first")
    other.join()
    assert order == ["first", "second"]


def _command(*arguments: str, cache: Cache) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "etbench.build", "--dir", str(cache.folder), *arguments]
    return subprocess.run(command, env=environment(), capture_output=True, text=True)


def test_the_commands_list_verify_prune_and_clear(cache: Cache) -> None:
    _put(cache, KEY)
    _put(cache, OTHER)
    listed = _command("list", cache=cache)
    assert listed.stdout.count("tiny_fp32_xnnpack") == 2
    assert KEY[:12] in listed.stdout
    assert _command("verify", cache=cache).returncode == 0
    _flip(cache.entries()[0].folder / "model.pte")
    spoilt = _command("verify", cache=cache)
    assert (spoilt.returncode, spoilt.stdout.count("damaged, removed")) == (1, 1)
    assert "removed 1 programs" in _command("prune", "--max-gb", "0", cache=cache).stdout
    _put(cache, KEY)
    assert "removed 1 programs" in _command("clear", cache=cache).stdout
    assert cache.entries() == []
    assert _command("prune", "--max-gb", "-1", cache=cache).returncode == 2


def test_the_commands_import_no_torch(cache: Cache) -> None:
    command = [sys.executable, "-X", "importtime", "-m", "etbench.build", "--dir", str(cache.folder), "list"]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True)
    imported = {line.rsplit("|", 1)[-1].strip() for line in done.stderr.splitlines() if "|" in line}
    assert "etbench.build.cache" in imported
    assert not imported & {"torch", "executorch", "pandas", "altair"}
