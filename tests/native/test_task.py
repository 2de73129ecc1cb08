"""A task goes to the native runner as flat fields; one that is not right is answered in words."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path
from typing import Any

import pytest
from running import build_here

from etbench.artifact.layout import StoredTensor, stored_inputs
from etbench.config import XnnpackRuntime
from etbench.measure.worker.tasks import LoadTask, MemoryTask, RoundTask
from etbench.native.task import encode_task

MEMORY = {"task": "memory", "folder": "nowhere", "threads": "1"}
ROUND = {
    "task": "round",
    "samples": "4",
    "at_least": "1",
    "warmup": "1",
    "time_left_s": "9",
    "reference": "0",
    "inferences_per_sample": "0",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a program."""
    build_here(folder := tmp_path_factory.mktemp("programs") / "repeated", "model=repeated")
    return folder


def _written(fields: dict[str, str]) -> bytes:
    return b"".join(f"{key}={value}\0".encode() for key, value in fields.items()) + b"\0"


def _told(runner: Path, task: bytes) -> tuple[dict[str, Any], str]:
    """Return the one answer of the runner, and what its libraries printed."""
    done = subprocess.run([runner, "inspect"], input=task, capture_output=True)
    assert done.returncode == 0
    *slow, line = map(json.loads, done.stdout.decode().splitlines())  # strict: valid UTF-8, valid JSON
    assert all(other["message_type"] == "said" for other in slow)
    return line, done.stderr.decode()


def _failure(runner: Path, task: bytes) -> str:
    told, _ = _told(runner, task)
    assert (told["message_type"], told["stage"]) == ("failure", "inspect")
    return told["message"]


def test_structs_become_flat_fields_and_what_is_none_is_left_out() -> None:
    task = RoundTask(
        folder="/a=b\nc",
        threads=2,
        runtime=XnnpackRuntime(weight_cache=False),
        samples=3,
        at_least=1,
        warmup="stable",
        time_left_s=0.5,
    )
    inputs = [
        StoredTensor("input.0.0", "F32", (1, 3), 128, 12),
        StoredTensor("input.0.1", "I64", (), 140, 8),
        StoredTensor("input.0.2", "F32", (1, 2, 1, 3), 148, 24, channels_last=True),
    ]
    *fields, end, after = encode_task(task, inputs).split(b"\0")
    assert (end, after) == (b"", b"")
    assert sorted(fields) == [
        b"at_least=1",
        b"folder=/a=b\nc",
        b"inferences_per_sample=0",
        b"input.0.0=F32 128 12 1 3",
        b"input.0.1=I64 140 8",
        b"input.0.2.order=0 2 3 1",
        b"input.0.2=F32 148 24 1 2 1 3",
        b"reference=0",
        b"runtime.weight_cache=false",
        b"samples=3",
        b"task=round",
        b"threads=2",
        b"time_left_s=0.5",
        b"warmup=stable",
    ]


def test_a_value_with_a_nul_byte_is_refused() -> None:
    with pytest.raises(ValueError, match=r"the task's 'folder' contains a NUL byte: 'a\\x00b'"):
        encode_task(LoadTask(folder="a\0b", threads=1, cold=False), [])


def test_a_name_that_is_not_utf_8_arrives_as_it_is() -> None:
    task = MemoryTask(folder=b"/\xff".decode(errors="surrogateescape"), threads=1)
    assert b"folder=/\xff\0" in encode_task(task, [])


def test_it_takes_fields_and_gives_json_so_that_it_works_over_a_wire(runner: Path, folder: Path) -> None:
    inputs = {one.name: one for one in stored_inputs(folder, stage="time")}
    shape = " ".join(map(str, inputs["input.0.0"].shape))
    layout = f"F32 {inputs['input.0.0'].offset_bytes} {inputs['input.0.0'].size_bytes} {shape}"
    about = {"folder": str(folder), "threads": "1", "input.0.0": layout}
    told, printed = _told(runner, _written(ROUND | about))
    assert len(told["body"]["samples_ms"]) == 4  # what the libraries print is not among it
    assert "Resetting threadpool" in printed


@pytest.mark.parametrize(
    ("task", "message"),
    [
        (b"", "the task is empty"),
        (b"[" * 10**6, "the task is truncated at byte 1000000"),
        (b'{"task":"memory","folder":".","threads":1}', "the task is truncated at byte 42"),
        (b"\0", 'the task has no "task"'),
        (b"task=memory\0folder=.\0\0", 'the task has no "threads"'),
        (b"task=memory\0folder\0threads=1\0\0", 'the task\'s field "folder" has no value'),
        (b"[" * 10**6 + b"\0\0", f'the task\'s field "{"[" * 80}…" has no value'),
        (_written(MEMORY) + b"threads=2\0\0", "the task continues after its end at byte 38"),
        (b"threads=2\0" + _written(MEMORY), 'the task has "threads" twice'),
        (_written(MEMORY | {"task": "dance"}), 'the native runner has no task "dance"'),
        (_written(MEMORY), "the reference inputs cannot be read: nowhere/reference.safetensors"),
    ],
    ids=[
        *("empty", "noise", "json", "no fields", "incomplete", "no value", "long", "two tasks", "twice"),
        *("unknown", "no artifact"),
    ],
)
def test_a_wrong_task_is_answered_in_words(task: bytes, message: str, runner: Path) -> None:
    assert _failure(runner, task) == message


def test_a_task_that_is_cut_off_anywhere_is_not_begun(runner: Path) -> None:
    whole = _written(MEMORY)
    for length in range(1, len(whole)):
        assert _failure(runner, whole[:length]) == f"the task is truncated at byte {length}"


@pytest.mark.parametrize("value", ["", "-1", "+1", " 1", "1 ", "1.5", "1e3", "many", "4294967296", "9" * 30])
def test_a_count_that_is_none_is_refused(value: str, runner: Path) -> None:
    expected = f'the task\'s "threads" is "{value}", which is not a whole number from 0 to 4294967295'
    assert _failure(runner, _written(MEMORY | {"threads": value})) == expected


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": "-1"}, '"samples" is "-1", which is not a whole number'),
        ({"warmup": "stabel"}, '"warmup" is "stabel", which is not a whole number'),
        ({"time_left_s": ""}, '"time_left_s" is "", which is not a number'),
        ({"time_left_s": "9 s"}, '"time_left_s" is "9 s", which is not a number'),
        ({"task": "load", "cold": "yes"}, '"cold" is "yes", which is not true or false'),
        ({"task": "load"}, 'the task has no "cold"'),
        ({"task": "outputs"}, 'the task has no "file"'),
        ({"runtime.weight_cache": "1"}, '"runtime.weight_cache" is "1", which is not true or false'),
        (
            {"input.0.0": "F32 0"},
            '"input.0.0" is "F32 0", which is not a dtype, an offset, a length and sizes',
        ),
        ({"input.0.0": "F32 0 4 -1"}, '"input.0.0" is "-1", which is not a whole number'),
        ({"input.0.0": "F32 0 4 2"}, '"input.0.0" is "F32 0 4 2", which is not a tensor of 4 bytes'),
        (
            {"input.0.0": "F32 0 4 1", "input.0.0.order": "0 2 3 1"},
            '"input.0.0.order" is "0 2 3 1", which is not 0 2 3 1 for four axes',
        ),
        ({"input.0.0": "F32 999999999 4 1"}, "the reference inputs are truncated"),
        ({"input.0.0": "C64 0 8 1"}, "the native runner does not support tensors of dtype C64"),
    ],
    ids=lambda value: " ".join(f"{k}={v}" for k, v in value.items()) if isinstance(value, dict) else "",
)
def test_a_field_that_does_not_fit_is_named(
    change: dict[str, str], message: str, runner: Path, folder: Path
) -> None:
    assert message in _failure(runner, _written(ROUND | {"folder": str(folder), "threads": "1"} | change))


def test_an_unknown_option_of_the_runtime_is_a_failure_of_the_load(runner: Path) -> None:
    told, _ = _told(runner, _written(MEMORY | {"runtime.workspace_sharing": "some"}))
    assert (told["message_type"], told["stage"]) == ("failure", "load_program")
    assert told["message"] == 'workspace_sharing is "some", which is not disabled, per_model or global'


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (b"\xff", "\ufffd"),
        (b"a\x80b", "a\ufffdb"),
        (b"\xc3", "\ufffd"),
        (b"\xe2\x82x", "\ufffd\ufffdx"),
        (b"\xc1\xbf", "\ufffd" * 2),
        (b"\xe0\x9f\xbf", "\ufffd" * 3),
        (b"\xed\xa0\x80", "\ufffd" * 3),
        (b"\xf4\x90\x80\x80", "\ufffd" * 4),
        (b"\xf8\x88\x80\x80\x80", "\ufffd" * 5),
        ("ü 名 😀 \U0010ffff \ud7ff \ue000".encode(), "ü 名 😀 \U0010ffff \ud7ff \ue000"),
        (b'"\\\n\t\x01\x7f', '"\\\n\t\x01\x7f'),
    ],
    ids=[
        *("no lead", "continuation", "cut off", "broken", "two bytes too long", "three bytes too long"),
        *("surrogate", "beyond the last", "five bytes", "valid", "to escape"),
    ],
)
def test_what_is_not_utf_8_is_shown_as_replaced(text: bytes, shown: str, runner: Path) -> None:
    task = b"task=" + text + b"\0folder=.\0threads=1\0\0"
    assert _failure(runner, task) == f'the native runner has no task "{shown}"'
