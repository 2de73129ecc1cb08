"""Kept baselines: what is kept with what, what is refused, and what pruning leaves."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from entries import KEY, put

from etbench.builder.cache import Cache
from etbench.cli.main import main
from etbench.errors import ConfigError, EtbenchError
from etbench.preflight.command_line import check_command_line
from etbench.results.files.baselines import (
    keep_baseline,
    kept_baselines,
    location_fault,
    remove_baseline,
    resolved,
)
from etbench.results.files.store import write_result
from etbench.results.schema import Result
from etbench.system.files import sha256

MakeResult = Callable[..., Result]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cache:
    """The cache that commands find, with one program in it."""
    cache = Cache(tmp_path / "cache", max_bytes=10**9)
    assert cache.writable()
    monkeypatch.setenv("ETBENCH_CACHE", str(cache.folder))
    return cache


@pytest.fixture
def run(tmp_path: Path, cache: Cache, make_result: MakeResult) -> Path:
    """A folder of results: one with its program beside it, one whose program only the cache has."""
    folder = tmp_path / "run"
    beside = tmp_path / "beside.pte"
    beside.write_bytes(b"beside")
    sums = {"fp32": sha256(beside), "int8": put(cache, KEY, b"cached").sha256}
    for precision, checksum in sums.items():
        _write(folder, make_result(precision=precision), checksum, keeps_pte=precision == "fp32")
    beside.rename(folder / "resnet18_fp32.pte")
    return folder


def _write(folder: Path, result: Result, checksum: str, *, keeps_pte: bool = False) -> Path:
    """Write a result of a program with this checksum."""
    artifact = msgspec.structs.replace(result.artifact, sha256=checksum)
    kept = msgspec.structs.replace(result, artifact=artifact, pte_file="x.pte" if keeps_pte else None)
    return write_result(kept, folder, f"resnet18_{result.precision_short}")


def _programs(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.glob("*.pte")}


KEPT = {"resnet18_fp32_xnnpack.pte": b"beside", "resnet18_int8_xnnpack.pte": b"cached"}


def test_a_baseline_outlives_the_run_and_the_cache(run: Path, cache: Cache, tmp_path: Path) -> None:
    kept, left_out = keep_baseline("main", run, cache)
    assert not left_out
    run.rename(tmp_path / "gone")
    assert cache.prune(0)
    cache.clear()
    assert cache.verify() == []
    assert [one.name for one in kept_baselines(cache.folder)] == ["main"]
    folder = resolved("baseline:main", cache.folder)
    assert _programs(folder) == KEPT
    for path, result in kept.results:
        assert path.parent == folder
        assert result.pte_file == path.with_suffix(".pte").name
        assert sha256(folder / result.pte_file) == result.artifact.sha256
        assert result.log_file is None, "it would lead nowhere"
    assert list(cache.work.iterdir()) == []


def test_setting_it_again_replaces_all_of_it(run: Path, cache: Cache) -> None:
    keep_baseline("main", run, cache)
    (run / "resnet18_int8.json").unlink()
    kept, _ = keep_baseline("main", run, cache)
    assert _programs(kept.folder) == {"resnet18_fp32_xnnpack.pte": b"beside"}
    assert list(cache.work.iterdir()) == []


def test_a_program_that_is_gone_is_named_and_nothing_is_replaced(
    run: Path, cache: Cache, make_result: MakeResult
) -> None:
    keep_baseline("main", run, cache)
    (run / "resnet18_fp32.pte").write_bytes(b"something else")
    _write(run, make_result("gpt2", "bf16"), "f" * 64)
    cache.clear()
    with pytest.raises(EtbenchError, match="built again is another baseline") as raised:
        keep_baseline("main", run, cache)
    for name in ("resnet18_fp32.json", "resnet18_int8.json", "resnet18_bf16.json"):
        assert str(run / name) in raised.value.message
    assert "keep_pte=true" in raised.value.message
    assert _programs(resolved("baseline:main", cache.folder)) == KEPT


def test_several_runs_of_a_cell_are_kept_and_share_their_program(
    run: Path, cache: Cache, make_result: MakeResult
) -> None:
    checksum = sha256(run / "resnet18_fp32.pte")
    _write(run, make_result(created_at="2026-01-02T00:00:00+00:00"), checksum)
    kept, _ = keep_baseline("main", run, cache)
    assert sorted(
        result.created_at[:10] for _, result in kept.results if result.precision_short == "fp32"
    ) == [
        "2026-01-01",
        "2026-01-02",
    ]
    files = [kept.folder / str(result.pte_file) for _, result in kept.results]
    assert len(set(files)) == 3
    assert len({file.stat().st_ino for file in files}) == 2


def test_what_was_not_measured_is_left_out_with_the_reason(
    run: Path, cache: Cache, failed: Result, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = write_result(failed, run, "bad")
    assert main(["baseline", "set", "main", str(run)]) == 0
    shown = capsys.readouterr()
    assert f"left out {bad}: gpt2 int8 xnnpack is failed (no such op)" in shown.err
    assert f"baseline:main has 2 results, 0.0 MB: {cache.folder / 'baselines' / 'main'}" in shown.out
    assert main(["baseline", "set", "empty", str(bad)]) == 2
    assert "there is no measured result to keep\n  - " in capsys.readouterr().err
    assert location_fault("baseline:empty", cache.folder)


def test_a_name_in_a_result_does_not_lead_out_of_the_folder(run: Path, cache: Cache) -> None:
    path = run / "resnet18_fp32.json"
    content = json.loads(path.read_text()) | {
        "model_name": "../../up",
        "pte_file": "../run/resnet18_fp32.pte",
    }
    path.write_text(json.dumps(content))
    kept, _ = keep_baseline("main", run, cache)
    assert set(_programs(kept.folder)) == {
        "_.._up_fp32_xnnpack.pte",
        "resnet18_int8_xnnpack.pte",
    }  # not hidden
    assert {path.name for path in cache.folder.iterdir()} == {
        *(".etbench-cache", "baselines", "locks", "v2", "work")
    }


@pytest.mark.parametrize("name", ["", "../up", "a/b", ".hidden", "a b", "x" * 101])
def test_a_name_that_could_not_be_used_is_refused(name: str, run: Path, cache: Cache) -> None:
    for call in (
        lambda: keep_baseline(name, run, cache),
        lambda: remove_baseline(name, cache),
        lambda: resolved(f"baseline:{name}", cache.folder),
    ):
        with pytest.raises(EtbenchError, match="is not a valid name; use letters"):
            call()


def test_list_and_remove(run: Path, cache: Cache, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["baseline", "list"]) == 0
    assert "no baseline is kept" in capsys.readouterr().out
    keep_baseline("main", run, cache)
    keep_baseline("v0.2", run, cache)
    assert main(["baseline", "list"]) == 0
    shown = capsys.readouterr().out
    assert [line.split()[:2] for line in shown.splitlines()[2:]] == [["main", "2"], ["v0.2", "2"]]
    assert "2026-01-01 00:00" in shown
    assert main(["baseline", "remove", "main"]) == 0
    assert main(["baseline", "remove", "main"]) == 2
    assert "no such baseline" in capsys.readouterr().err
    assert [one.name for one in kept_baselines(cache.folder)] == ["v0.2"]


def test_a_run_checks_the_name_before_any_work(run: Path, cache: Cache, tmp_path: Path) -> None:
    keep_baseline("main", run, cache)
    check_command_line(["model=resnet18", "compare_to=baseline:main"])
    with pytest.raises(ConfigError, match=r"compare_to=baseline:mani: no such baseline.*did you mean 'main'"):
        check_command_line(["model=resnet18", "compare_to=baseline:mani"])
    elsewhere = f"cache.dir={tmp_path / 'elsewhere'}"
    with pytest.raises(ConfigError, match=r"none is kept; `etbench baseline set main DIR`"):
        check_command_line(["model=resnet18", "compare_to=baseline:main", elsewhere])
