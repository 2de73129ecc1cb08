"""A folder that is not a cache is refused, and what is not etbench's survives in one that is."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from entries import KEY, put, take

from etbench.builder.cache import Cache, cache_fault
from etbench.cli.main import main
from etbench.errors import ConfigError, EtbenchError
from etbench.preflight.command_line import check_command_line
from etbench.results.report.vega import vega_script

NAME = f"{KEY}.{'0' * 32}"

COMMANDS: dict[str, Callable[[Cache], object]] = {
    "put": lambda cache: put(cache, KEY),
    "prune": lambda cache: cache.prune(0),
    "verify": Cache.verify,
    "clear": Cache.clear,
    "writable": Cache.writable,
}


def _photo(folder: Path, *parts: str) -> Path:
    (file := folder.joinpath(*parts, "photo.jpg")).parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(b"a photo")
    return file


NOT_CACHES: dict[str, tuple[str, Callable[[Path, Path], object]]] = {
    "photos": ("contains 'photo.jpg'", lambda folder, _: _photo(folder)),
    "photos in v1": ("contains 'v1'", lambda folder, _: _photo(folder, "v1", "train", "img1")),
    "photos in v2": ("contains 'v2'", lambda folder, _: _photo(folder, "v2", "train", "img1")),
    "photos beside entries": ("contains 'v2'", lambda folder, _: _photo(folder, "v2", "aa")),
    "v1 is a file": ("contains 'v1'", lambda folder, _: (folder / "v1").touch()),
    "v2 is a link": ("v2 in it is a link", lambda folder, other: (folder / "v2").symlink_to(other)),
    "work is a link": ("work in it is a link", lambda folder, other: (folder / "work").symlink_to(other)),
    "marker is a link": (
        "contains 'photo.jpg'",
        lambda folder, other: (_photo(folder), (folder / ".etbench-cache").symlink_to(other / "photo.jpg")),
    ),
}


@pytest.mark.parametrize("kind", NOT_CACHES)
def test_a_folder_that_is_not_a_cache_is_refused_and_stays_as_it_is(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    expected, make = NOT_CACHES[kind]
    (folder := tmp_path / "folder").mkdir()
    _photo(other := tmp_path / "other", "aa", NAME)
    _photo(other)
    make(folder, other)
    before = sorted(tmp_path.rglob("*"))
    for command in COMMANDS.values():
        with pytest.raises(EtbenchError, match=expected):
            command(Cache(folder, 10**9))
    for words in (["clear"], ["verify"], ["prune", "--max-gb", "0"]):
        assert main(["cache", "--dir", str(folder), *words]) == 2
        assert expected in capsys.readouterr().err
    with pytest.raises(ConfigError, match=expected):
        check_command_line(["model=mobilenet_v2", f"cache.dir={folder}"])
    new = {path for path in sorted(tmp_path.rglob("*")) if "folder-jobs" not in str(path)}
    assert new == set(before)


def test_a_folder_whose_owner_says_so_is_a_cache(tmp_path: Path) -> None:
    photo = _photo(tmp_path / "cache")
    assert "create the empty file" in (cache_fault(tmp_path / "cache") or "")
    (tmp_path / "cache" / ".etbench-cache").touch()
    cache = Cache(tmp_path / "cache", 10**9)
    put(cache, KEY)
    cache.clear()
    assert photo.exists()


def test_a_cache_of_an_older_version_is_still_one(tmp_path: Path) -> None:
    cache = Cache(tmp_path / "cache", 10**9)
    assert cache.writable()
    built = put(cache, KEY)
    (marker := cache.folder / ".etbench-cache").unlink()
    for name in ("build_times.json", "build_times.lock"):
        (cache.folder / name).touch()
    for name in ("native", "baselines", "report", "lost+found"):
        (cache.folder / name).mkdir()
    assert cache_fault(cache.folder) is None
    assert take(cache, KEY)[0] == built
    assert cache.writable()
    assert marker.is_file()


def test_a_report_that_comes_before_the_first_run_leaves_a_cache(tmp_path: Path) -> None:
    vega_script(tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()), "it keeps its script there"
    assert cache_fault(tmp_path / "cache") is None


def test_nothing_survives_less_than_it_should(tmp_path: Path) -> None:
    """What has another name, or is behind a link, stays through all that removes entries."""
    cache = Cache(tmp_path / "cache", 10**9)
    put(cache, KEY)
    elsewhere = tmp_path / "elsewhere"
    kept = [
        _photo(elsewhere, NAME),
        *(_photo(cache.folder, version, "train", "img1") for version in ("v1", "v2")),
        *(_photo(cache.folder, version, "aa", "notes") for version in ("v1", "v2")),
        *(_photo(cache.folder, "work", name) for name in (".git-old", ".entry-notes", ".gone-fishing")),
    ]
    for version in ("v1", "v2"):
        (cache.folder / version / "ab").symlink_to(elsewhere)
    (linked := cache.folder / "v2" / "aa" / f"{KEY}.{'1' * 32}").symlink_to(elsewhere / NAME)
    for path in (cache.folder / "work").iterdir():
        os.utime(path, (1_000, 1_000))
    assert cache.verify() == [linked], "the link is removed, and not what it leads to"
    put(cache, "b" * 64)
    assert len(cache.prune(0)) == 2
    put(cache, KEY)
    assert cache.clear() == 1
    assert all(file.is_file() for file in kept)
    assert not cache.entries()
