"""What other users have made or can change is not used, unless that is allowed; code needs a seal."""

from __future__ import annotations

import os
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest
from entries import KEY, OTHER, artifact, put, take

from etbench.artifact import program_path
from etbench.builder.cache import Cache
from etbench.builder.cache.entry import read_sidecar
from etbench.cli.main import main
from etbench.system.files import sha256

NOBODY = 65534
needs_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root can act as two users"
)


@contextmanager
def _as_nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def cache() -> Iterator[Cache]:
    """A cache that every user can reach."""
    with TemporaryDirectory(prefix="cache-") as folder:
        Path(folder).chmod(0o755)
        (jobs := Path(folder, "cache-jobs")).mkdir()
        jobs.chmod(0o777)
        cache = Cache(Path(folder, "cache"), 10**9)
        assert cache.writable()
        yield cache


def _refused(cache: Cache, key: str = KEY) -> str:
    told: list[str] = []
    folder = Path(cache.folder.with_name("cache-jobs"), "refused")
    folder.mkdir(exist_ok=True)
    assert cache.take(key, folder, pytest.fail, told.append) is None
    assert not list(folder.iterdir())
    (text,) = told
    return text


def _zip(text: str) -> bytes:
    with zipfile.ZipFile(package := BytesIO(), "w") as file:
        file.writestr("model", text)
    return package.getvalue()


@pytest.mark.parametrize("name", ["entry.json", "model.pte", "reference.safetensors"])
def test_a_file_that_others_can_change_is_not_used_and_replaced(name: str, cache: Cache) -> None:
    put(cache, KEY)
    (cache.entries()[0].folder / name).chmod(0o664)
    told: list[str] = []
    (folder := cache.folder.with_name("job")).mkdir()
    assert cache.take(KEY, folder, pytest.fail, told.append) is None
    assert told == [
        "its program in the cache can be changed by other users (its mode is 664); "
        "cache.shared=true uses programs of other users"
    ]
    assert Cache(cache.folder, 10**9, shared=True).take(KEY, folder, pytest.fail) is not None
    built = put(cache, KEY, b"built again")
    if name == "entry.json":
        assert take(cache, KEY)[0] == built


def test_what_is_added_can_only_be_changed_by_its_user(cache: Cache) -> None:
    umask = os.umask(0)
    try:
        built = put(cache, KEY)
    finally:
        os.umask(umask)
    assert take(cache, KEY)[0] == built


@needs_root
def test_the_entry_of_another_user_is_used_only_in_a_shared_cache(cache: Cache) -> None:
    built = put(cache, KEY)
    for path in (cache.folder, *cache.folder.rglob("*")):
        os.chown(path, NOBODY, -1)
    assert "belongs to the user nobody" in _refused(cache)
    with pytest.raises(PermissionError, match="there is one already, but"):
        put(cache, KEY)
    shared = Cache(cache.folder, 10**9, shared=True)
    taken, folder = take(shared, KEY)
    assert taken == built
    assert program_path(folder).stat().st_uid == 0, "a copy, which its owner cannot change any more"


@needs_root
def test_a_cache_that_can_only_be_read_is_used(cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    main(["cache", "--dir", str(cache.folder), "list"])  # imports what the other user may not read
    built = put(cache, KEY)
    capsys.readouterr()
    with _as_nobody():
        assert not cache.writable()
        shared = Cache(cache.folder, 10**9, shared=True)
        assert take(shared, KEY)[0] == built, "programs of root are used in any case"
        assert take(cache, KEY)[0] == built
        assert cache.verify() == []
        assert main(["cache", "--dir", str(cache.folder), "clear"]) == 0
        expected = f"removed 0 programs; 1 program could not be removed from {cache.folder}\n"
        assert capsys.readouterr().out == expected
        with pytest.raises(PermissionError):
            put(cache, OTHER)
    assert take(cache, KEY)[0] == built


@needs_root
def test_an_entry_that_only_another_user_may_read_is_not_damaged(cache: Cache) -> None:
    built = put(cache, KEY)
    for path in (cache.folder, *cache.folder.rglob("*")):
        path.chmod(0o777 if path.is_dir() else 0o600)
    with _as_nobody():
        assert take(cache, KEY)[0] is None
        assert cache.verify() == []
    assert take(cache, KEY)[0] == built


def test_code_is_used_by_who_has_built_it_and_by_nobody_else(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built = put(cache, KEY, _zip("code"))
    assert take(cache, KEY)[0] == built
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "of another user"))
    for shared in (False, True):
        other = Cache(cache.folder, 10**9, shared=shared)
        assert "code of PyTorch, and you did not build it here" in _refused(other)
    own = put(cache, KEY, _zip("own code"))
    assert take(cache, KEY)[0] == own


@pytest.mark.parametrize("seal", ["", "kept", "of another entry"])
def test_planted_code_is_not_used_whatever_its_seal(seal: str, cache: Cache) -> None:
    """Its description is consistent: only the seal shows that it was not built here."""
    put(cache, KEY, _zip("built here"))
    put(cache, OTHER, planted := _zip("also built here"))
    one, other = (entry.folder for entry in sorted(cache.entries(), key=lambda entry: entry.key))
    seals = {
        "": "",
        "kept": read_sidecar(one).seal,
        "of another entry": read_sidecar(other).seal,
    }
    program_path(one).unlink()
    program_path(one).write_bytes(planted)
    described = msgspec.structs.replace(read_sidecar(one), artifact=artifact(planted), seal=seals[seal])
    (one / "entry.json").write_bytes(described.encode())
    assert described.artifact.sha256 == sha256(program_path(one))
    assert cache.verify() == [], "its checksums are right"
    assert "you did not build it here" in _refused(cache)


def test_code_is_not_added_where_no_key_can_be_kept(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(OSError, match="no folder for the key"):
        put(cache, KEY, _zip("code"))
    assert not cache.entries()
    put(cache, KEY)
    assert take(cache, KEY)[0] is not None


def test_a_copy_of_a_cache_has_no_code_for_another_machine(
    cache: Cache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(cache, KEY, _zip("code"))
    put(cache, OTHER)
    shutil.copytree(cache.folder, tmp_path / "cache")
    (tmp_path / "cache-jobs").mkdir()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    copy = Cache(tmp_path / "cache", 10**9)
    assert "you did not build it here" in _refused(copy)
    assert copy.find(KEY) == (None, _refused(copy))
    assert take(copy, OTHER)[0] is not None
