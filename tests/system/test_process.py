"""Real child processes that answer, fail, babble and die."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest
from children import Answer, Ask
from msgspec import Struct
from running import TESTS
from waiting import alive

from etbench.errors import EtbenchError
from etbench.events import Event
from etbench.system.process import Worker, worker


class Other(Struct):
    """A reply of another kind."""

    colour: str


@pytest.fixture
def ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> object:
    """A function that asks a child and returns its answer, its events and its log."""
    monkeypatch.setenv("PYTHONPATH", str(TESTS))

    def asked(what: str, **more: object) -> tuple[Answer, list[Event], str]:
        events: list[Event] = []
        log = tmp_path / "log"
        with worker("children", scratch=tmp_path, log=log) as child:
            answer = child.ask(Ask(what), Answer, log=log, on_event=events.append, **more)
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
        ("exit and leave a fork of C", "acting", "ProcessDied", "exited with status 3"),
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
    with pytest.raises(EtbenchError, match="which is not a message") as caught:
        ask("garbage")
    assert caught.value.stage == "acting"


def test_one_process_answers_many_requests_and_survives_a_failed_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:

        def ask(what: str) -> Answer:
            return child.ask(Ask(what), Answer, log=tmp_path / "log", on_event=lambda _: None)

        assert ask("one") == Answer("one")
        with pytest.raises(EtbenchError, match="as asked"):
            ask("raise")
        assert child.alive
        assert ask("two") == Answer("two")
        with pytest.raises(EtbenchError, match="SIGSEGV"):
            ask("segfault")
        assert not child.alive
        with pytest.raises(EtbenchError, match="SIGSEGV"):
            ask("three")


@pytest.mark.parametrize("what", ["fork", "fork in a stage"])
def test_only_the_process_that_opened_the_channel_answers(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    events: list[Event] = []
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:
        about = {"log": tmp_path / "log", "on_event": events.append}
        assert child.ask(Ask(what), Answer, **about) == Answer("of the parent")
        assert not child.alive, "what the fork shares with it is not known"
    assert len([event for event in events if event.kind == "stage_finished"]) <= 2
    assert "returned from the function that forked it" in (tmp_path / "log").read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux hands orphans on to an ancestor")
@pytest.mark.parametrize("what", ["daemon", "daemon and die"])
def test_a_daemon_ends_with_the_child_that_left_it(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    events: list[Event] = []
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:
        about = {"log": tmp_path / "log", "on_event": events.append}
        try:
            text = child.ask(Ask(what), Answer, **about).text
        except EtbenchError as error:
            assert error.exit_status == -signal.SIGKILL
            (text,) = [event.message for event in events if event.kind == "progress"]
    assert not psutil.pid_exists(int(text)) or not alive(psutil.Process(int(text)))


def test_a_text_that_is_not_utf8_is_escaped_in_an_event_and_refused_where_it_may_be_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    events: list[Event] = []
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:
        about = {"log": tmp_path / "log", "on_event": events.append}
        with pytest.raises(EtbenchError, match=r"the answer has a text .* UTF-8: '.*\\udcff'"):
            child.ask(Ask("bad bytes"), Answer, **about)
        with pytest.raises(EtbenchError, match=r"the request .* has a text .* UTF-8: '\\udcff'") as caught:
            child.ask(Ask("\udcff"), Answer, **about)
        assert caught.value.hint
        with pytest.raises(EtbenchError, match=r"answered b'.*next.*', which is not a reply") as caught:
            child.ask(Ask("next"), Other, **about)
        assert caught.value.kind == "Garbage"
        assert not child.alive
    assert [event.message for event in events if event.kind == "progress"] == [
        r"a path that is not UTF-8: \udcff"
    ]


@pytest.mark.skipif(sys.platform != "linux", reason="the child finds its pipe in /proc")
def test_the_answer_to_another_request_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    about = {"log": tmp_path / "log", "on_event": lambda _: None}
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:
        assert child.ask(Ask("answer twice"), Answer, **about) == Answer("before its end")
        with pytest.raises(EtbenchError, match="answered request 1 instead of 2") as caught:
            child.ask(Ask("next"), Answer, **about)
        assert caught.value.kind == "Garbage"
        assert not child.alive


@pytest.mark.skipif(sys.platform != "linux", reason="the child finds its pipe in /proc")
def test_only_a_failure_needs_no_number(ask) -> None:
    with pytest.raises(EtbenchError, match="answered request None instead of 1") as caught:
        ask("answer without a number")
    assert caught.value.kind == "Garbage"
    with pytest.raises(EtbenchError, match="no turn") as caught:
        ask("fail without a number")
    assert (caught.value.stage, caught.value.kind) == ("time", "KeyError")


def test_parts_come_before_the_answer(ask) -> None:
    parts: list[Answer] = []
    answer, _, _ = ask("parts", on_part=lambda body: parts.append(msgspec.json.decode(body, type=Answer)))
    assert parts == [Answer("first"), Answer("second")]
    assert answer == Answer("parts")


@pytest.mark.parametrize(
    ("limit", "said", "hint"),
    [
        ("timeout_s", "gave no answer within 1 s and was killed", "raise build.timeout_s"),
        ("silence_s", "sent no message for 1 s and was killed", "a slow process sends messages"),
    ],
    ids=["timeout_s", "silence_s"],
)
def test_a_child_that_hangs_is_killed(
    limit: str, said: str, hint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    about = {"log": tmp_path / "log", "on_event": lambda _: None}
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:
        child.ask(Ask("nothing"), Answer, **about)  # it has started, which may take long
        with pytest.raises(EtbenchError, match=said) as caught:
            child.ask(Ask("hang"), Answer, **about, **{limit: 1})
    assert (caught.value.kind, caught.value.stage) == ("Timeout", "acting")
    assert caught.value.hint.startswith(hint)


@pytest.mark.parametrize(
    ("status", "said", "hint"),
    [
        (137, "was killed by SIGKILL", "out of memory"),
        (255, "exited with status 255", "see the end of the log"),
    ],
)
def test_a_shell_between_tells_of_signals_too(status: int, said: str, hint: str, tmp_path: Path) -> None:
    about = {"scratch": tmp_path, "log": tmp_path / "log"}
    child = Worker("children", **about, command=["sh", "-c", f"exit {status}"])
    try:
        with pytest.raises(EtbenchError, match=said) as caught:
            child.ask(Ask("nothing"), Answer, log=tmp_path / "log", on_event=lambda _: None)
    finally:
        child.close()
    assert hint in caught.value.hint


def test_a_child_that_is_slow_but_says_so_is_not_silent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(TESTS))
    about = {"log": tmp_path / "log", "on_event": lambda _: None}
    with worker("children", scratch=tmp_path, log=tmp_path / "log") as child:
        child.ask(Ask("nothing"), Answer, **about)  # it has started, which may take long
        assert child.ask(Ask("talk"), Answer, **about, silence_s=5) == Answer("talk")


def test_output_can_be_sent_to_another_file(tmp_path: Path) -> None:
    program = f"""
import os
from etbench.system.channel import print_to
print("before")
print_to({str(tmp_path / "other")!r})
print("python")
os.write(2, b"native")
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "before\n"
    assert sorted((tmp_path / "other").read_text().split()) == ["native", "python"]
