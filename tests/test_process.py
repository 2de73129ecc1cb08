"""Real child processes that answer, fail, babble and die."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from children import Answer, Ask
from support import TESTS

from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.process import call


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that asks a child and returns its answer, its events and its log."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))

    def asked(what: str) -> tuple[Answer, list[Event], str]:
        events: list[Event] = []
        log = tmp_path / "log"
        answer = call("children", Ask(what), Answer, scratch=tmp_path, log=log, on_event=events.append)
        return answer, events, log.read_text()

    return asked


def test_the_answer_comes_back_with_the_events_before_it(ask) -> None:
    answer, events, _ = ask("nothing")
    assert answer == Answer("nothing")
    assert [(event.kind, event.stage) for event in events] == [
        ("stage_started", "acting"),
        ("stage_finished", "acting"),
    ]


def test_what_libraries_print_goes_to_the_log(ask) -> None:
    answer, _, log = ask("chatter")
    assert answer == Answer("chatter")
    assert "a library prints" in log
    assert "a native library prints" in log


@pytest.mark.parametrize(
    ("what", "stage", "kind", "message"),
    [
        ("raise", "acting", "ValueError", "as asked"),
        ("explain", "elsewhere", "EtbenchError", "explained"),
        ("exit", "acting", "ProcessDied", "exited with status 3"),
        ("die", "acting", "ProcessDied", "was killed by SIGKILL"),
        ("segfault", "acting", "ProcessDied", "was killed by SIGSEGV"),
    ],
)
def test_each_end_without_an_answer_is_explained(what: str, stage: str, kind: str, message: str, ask) -> None:
    with pytest.raises(EtbenchError) as caught:
        ask(what)
    assert (caught.value.stage, caught.value.kind) == (stage, kind)
    assert message in caught.value.message
    assert kind == "ProcessDied" or "Traceback" in caught.value.traceback


@pytest.mark.skipif(sys.platform != "linux", reason="the child finds its pipe in /proc")
def test_garbage_in_the_channel_is_an_error_of_the_stage(ask) -> None:
    with pytest.raises(EtbenchError, match="which is no message") as caught:
        ask("garbage")
    assert caught.value.stage == "acting"
