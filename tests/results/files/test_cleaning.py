"""Texts of result files as they are shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from etbench.events import Failure
from etbench.measure.pass_results import ItemAnswers
from etbench.results.files.cleaning import LONGEST_LINE, LONGEST_TEXT, cleaned, needs_cleaning
from etbench.results.files.store import read_result, write_result
from etbench.results.schema import Result

SAMPLES = Path(__file__).parents[3] / "outputs"
TEXT = st.text(max_size=400) | st.text('a\n\t\x1b\x7f\x9b\u202e"\\', max_size=20)
TREE = st.recursive(TEXT | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(TEXT, inner))


def _read(tmp_path: Path, result: Result) -> Result:
    return read_result(write_result(result, tmp_path, "a"))


def test_a_name_has_no_control_characters_and_the_file_keeps_them(
    tmp_path: Path, make_result: Callable[..., Result]
) -> None:
    path = write_result(make_result(model="a\x1b[31m\x00\n### passed\u202eb"), tmp_path, "a")
    assert read_result(path).model_name == "a\\x1b[31m\\x00\\n### passed\\u202eb"
    assert msgspec.json.decode(path.read_bytes())["model_name"] == "a\x1b[31m\x00\n### passed\u202eb"


def test_names_that_are_cut_off_stay_different(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    names = [_read(tmp_path, make_result(model="z" * 100_000 + end)).model_name for end in "ab"]
    assert [len(name) for name in names] == 2 * [LONGEST_LINE]
    assert names[0] != names[1]
    assert names[0].startswith("zzz") and names[0].endswith(", shortened)")


def test_a_message_keeps_its_lines(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    told = Failure(
        stage="lower", kind="E", message="a\n\tb\x1b", hint="", traceback="x" * 100_000, log=["c\n"]
    )
    failure = _read(tmp_path, make_result(status="failed", failure=told, rounds=[])).failure
    assert failure is not None
    assert failure.message == "a\n    b\\x1b"
    assert failure.log == ["c\n"]
    assert len(failure.traceback) == LONGEST_TEXT


def test_what_programs_read_stays_as_it_is(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    exact: dict[str, Any] = {"config": {"model": {"prompt": "a\tb\x7f" + "c" * 1_000}}, "command": ["a\tb"]}
    read = _read(tmp_path, make_result(model="\x1b", **exact))
    assert (read.config, read.command) == (exact["config"], exact["command"])


def test_which_of_many_items_are_right_is_kept(tmp_path: Path, make_result: Callable[..., Result]) -> None:
    items = ItemAnswers.of(np.arange(10_000) % 3 > 0, "a" * 64)
    assert len(items.correct) > LONGEST_LINE
    read = _read(tmp_path, make_result(evaluation={"top1": items.share}, evaluation_items={"top1": items}))
    assert read.evaluation_items == {"top1": items}


def test_most_files_need_no_cleaning() -> None:
    bodies = [path.read_bytes() for path in sorted(SAMPLES.glob("sample_sweep/*.json"))]
    assert bodies
    assert not any(map(needs_cleaning, bodies))


@given(TREE, st.sampled_from([0, 2]))
def test_what_is_said_to_need_no_cleaning_is_clean(tree: Any, indent: int) -> None:
    body = msgspec.json.format(msgspec.json.encode(tree), indent=indent)
    raw = msgspec.json.decode(body)
    assert needs_cleaning(body) or cleaned(raw) == raw


@pytest.mark.parametrize("body", [b'"\x9b"', b'{"a": "\xff"}', b""])
def test_bytes_that_are_not_json_are_left_to_the_reader(body: bytes) -> None:
    assert needs_cleaning(body) in (True, False)
