"""Errors of libraries, as they are explained to the user."""

from __future__ import annotations

import json
from pathlib import Path

import msgspec
import pytest

from etbench.errors import EtbenchError
from etbench.events import Failure, explained
from etbench.events.translation import users_line

PASS = (
    "An error occurred when running the 'ChannelsLastTaggedReshapePass' pass after the following passes: []"
)


def _raised(error: BaseException, cause: BaseException | None = None) -> BaseException:
    try:
        raise error from cause
    except BaseException as raised:
        return raised


def _first_line(error: BaseException) -> str:
    return explained(error, "lower").message.splitlines()[0]


def test_of_a_failed_pass_the_cause_comes_first_and_everything_is_kept() -> None:
    error = explained(_raised(Exception(PASS), AssertionError("Expected p_w to be NCHW\nmore")), "lower")
    assert error.message == f"Expected p_w to be NCHW (in ChannelsLastTaggedReshapePass)\nmore\n{PASS}"


def test_of_any_other_error_the_cause_is_added_unless_it_is_quoted() -> None:
    assert _first_line(_raised(ValueError("outer\nrest"), KeyError("inner"))) == "outer (caused by: 'inner')"
    assert _first_line(_raised(ValueError("outer: inner"), RuntimeError("inner"))) == "outer: inner"
    assert _first_line(_raised(ValueError("alone"))) == "alone"
    assert _first_line(MemoryError()) == "MemoryError"


def test_the_line_is_the_last_one_of_the_users_code(tmp_path: Path) -> None:
    source = tmp_path / "net.py"
    source.write_text("import json\n\ndef forward(x):\n    return json.loads(x)\n")
    code = {}
    exec(compile(source.read_text(), str(source), "exec"), code)
    with pytest.raises(json.JSONDecodeError) as caught:
        code["forward"]("{")
    assert users_line(caught.value) == f"{source}:4, in forward: return json.loads(x)"


def test_the_line_that_torch_quotes_for_an_operator_counts_too(tmp_path: Path) -> None:
    source = tmp_path / "net.py"
    source.write_text("\n\n    y = x.unfold(1, 4, 2)\n")
    quoted = f'While executing %unfold\nOriginal traceback:\n  File "{source}", line 3, in forward\n    y = …'
    assert users_line(RuntimeError(quoted)) == f"{source}:3, in forward: y = x.unfold(1, 4, 2)"
    assert users_line(RuntimeError('File "<eval_with_key>.1", line 3, in forward')) == ""


def test_an_error_that_was_raised_from_itself_or_in_a_circle_is_explained() -> None:
    itself, other = ValueError("itself"), ValueError("other")
    itself.__cause__ = itself
    assert _first_line(itself) == "itself"
    itself.__cause__, other.__cause__ = other, itself
    assert _first_line(itself) == "itself (caused by: other)"
    assert users_line(itself) == ""


def test_code_of_etbench_and_of_libraries_is_not_the_users() -> None:
    with pytest.raises(msgspec.ValidationError) as caught:
        msgspec.convert(1, str)
    error = caught.value.with_traceback(None)
    assert users_line(error) == ""


def test_an_error_of_etbench_keeps_its_words_and_gets_the_line(tmp_path: Path) -> None:
    error = explained(_raised(EtbenchError("no such file", stage="load", hint="look"), OSError("x")), "build")
    assert (error.message, error.stage, error.hint) == ("no such file", "load", "look")
    assert "in _raised: raise error from cause" in error.where


def test_a_failure_can_be_written_whatever_its_text_is() -> None:
    failure = Failure.of(explained(ValueError("a path that is not UTF-8: \udcff"), "load"))
    assert failure.message == r"a path that is not UTF-8: \udcff"
    assert msgspec.json.decode(msgspec.json.encode(failure), type=Failure) == failure


def test_a_failure_is_the_same_error_after_it_was_sent() -> None:
    sent = EtbenchError("m", stage="lower", hint="h", kind="K", where="net.py:3", log=["a.cpp: b"])
    received = Failure.of(sent).error()
    assert (received.where, received.log, received.kind) == ("net.py:3", ("a.cpp: b",), "K")


def test_a_failure_of_an_older_result_is_read() -> None:
    older = b'{"stage": "lower", "kind": "E", "message": "m", "hint": "", "traceback": ""}'
    assert msgspec.json.decode(older, type=Failure).log == []
