"""Result files: never overwritten, never half-written, read back as they were."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from etbench.errors import EtbenchError
from etbench.results.files.cleaning import cleaned
from etbench.results.files.store import find_files, read_result, read_results, write_result
from etbench.results.schema import Result

MakeResult = Callable[..., Result]


def test_a_result_comes_back_as_it_was_written(
    tmp_path: Path, make_result: MakeResult, failed: Result
) -> None:
    for result in (make_result(), failed):
        path = write_result(result, tmp_path / "new", result.model_name)
        assert read_result(path) == result


def test_the_top_level_has_what_older_tools_read(tmp_path: Path, make_result: MakeResult) -> None:
    raw = json.loads(write_result(make_result(), tmp_path, "x").read_text())
    types = {
        "model_name": str,
        "model_type": str,
        "precision": str,
        "precision_short": str,
        "delegate": str,
        "repeat": int,
        "warmup": int,
        "latency_ms": dict,
    }
    assert {name: type(raw[name]) for name in types} == types
    assert list(raw)[:8] == list(types)
    for name in ("avg", "min", "max", "std_dev", "p95", "p99"):
        assert isinstance(raw["latency_ms"][name], float)


@pytest.mark.parametrize("links", [True, False], ids=["hard links", "a file system without them"])
def test_a_name_that_is_taken_is_never_overwritten(
    links: bool, tmp_path: Path, make_result: MakeResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    result = make_result()
    names = [write_result(result, tmp_path, "cell").name for _ in range(3)]
    assert names == ["cell.json", f"cell-{result.cell_id}.json", f"cell-{result.cell_id}-2.json"]
    assert len(list(tmp_path.iterdir())) == 3, "temporary files were left behind"
    assert all(read_result(tmp_path / name) == result for name in names)


def test_a_failed_write_leaves_nothing(tmp_path: Path, make_result: MakeResult) -> None:
    broken = make_result(config={"not": object()})
    with pytest.raises(TypeError):
        write_result(broken, tmp_path, "cell")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not valid JSON"),
        (b'{"model_name": "resnet18", ', "not valid JSON"),
        (b"\xff\xfe", "not valid JSON"),
        (b"[1, 2]", "not a result of etbench"),
        (b'{"model_name": "resnet18"}', "not a result of etbench"),
        (b'{"schema_version": 99}', "schema version 99"),
        (b'{"schema_version": 1}', "missing required field"),
    ],
    ids=["empty", "truncated", "binary", "a list", "foreign", "newer", "incomplete"],
)
def test_what_is_no_result_is_named_and_left_out(
    content: bytes, why: str, tmp_path: Path, make_result: MakeResult
) -> None:
    good = write_result(make_result(), tmp_path, "good")
    bad = tmp_path / "bad.json"
    bad.write_bytes(content)
    results, unreadable = read_results([tmp_path])
    assert [path for path, _ in results] == [good]
    assert [error.path for error in unreadable] == [bad]
    assert why in unreadable[0].message
    assert str(bad) in unreadable[0].message


def test_folders_are_searched_without_hidden_ones_and_without_repeats(
    tmp_path: Path, make_result: MakeResult
) -> None:
    deep = write_result(make_result(), tmp_path / "a" / "b", "deep")
    write_result(make_result(), tmp_path / ".hydra", "hidden")
    assert find_files([tmp_path, deep, tmp_path / "a"]) == [deep]
    with pytest.raises(EtbenchError, match="nowhere: no such file or folder"):
        find_files([tmp_path / "nowhere"])


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20),
    samples=st.lists(st.floats(0.001, 1e6), min_size=1, max_size=20),
    sqnr_db=st.none() | st.floats(-200, 200),
    truncated=st.booleans(),
)
def test_any_result_survives_the_round_trip(
    name: str,
    samples: list[float],
    sqnr_db: float | None,
    truncated: bool,
    tmp_path_factory: pytest.TempPathFactory,
    make_result: MakeResult,
) -> None:
    result = make_result(model=name, rounds=[samples], sqnr_db=sqnr_db, truncated=truncated)
    path = write_result(result, tmp_path_factory.mktemp("trip"), "cell")
    assert read_result(path) == msgspec.structs.replace(result, model_name=cleaned(name))
