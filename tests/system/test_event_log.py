"""The event log: what was told can be read again, also while it is being written."""

from __future__ import annotations

import json
import os
import platform
from pathlib import Path

import msgspec
import pytest
from running import CONF

import etbench
from etbench.errors import ConfigError
from etbench.events import Event
from etbench.system.event_log import EventLog, read_events

ROUND = Event(kind="round", stage="time", cell="a_fp32_xnnpack", cell_id="0", done=2, of=30, p50_ms=1.5)
STARTED = Event(kind="cell_started", cell="a_fp32_xnnpack", cell_id="0")


def test_a_line_is_plain_json_with_time_process_and_host(tmp_path: Path) -> None:
    EventLog(tmp_path / "new" / "log.jsonl")(ROUND)
    (line,) = (tmp_path / "new" / "log.jsonl").read_text().splitlines()
    told = json.loads(line)
    assert told.pop("at").endswith("Z")
    assert (told.pop("pid"), told.pop("host")) == (os.getpid(), platform.node())
    assert told == {
        **{"kind": "round", "stage": "time", "cell": "a_fp32_xnnpack", "cell_id": "0"},
        **{"done": 2, "of": 30, "p50_ms": 1.5},
    }


def test_a_text_that_is_not_utf8_is_escaped(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "log.jsonl")
    log(Event(kind="progress", message="photo-\udcff.jpg"))
    ((event,), _) = read_events(tmp_path / "log.jsonl")
    assert event.message == r"photo-\udcff.jpg"


def test_reading_goes_on_where_it_stopped_and_leaves_half_a_line(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    log = EventLog(path)
    log(STARTED)
    first, offset = read_events(path)
    log(ROUND)
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    assert read_events(path, offset) == ([], offset)
    path.write_bytes(whole)
    second, end = read_events(path, offset)
    assert [event.kind for event in first + second] == ["cell_started", "round"]
    assert end == len(whole)


def test_what_is_no_event_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_bytes(b'\xff\xfe\n{"kind": "no such kind"}\n[]\n')
    EventLog(path)(ROUND)
    (event,), _ = read_events(path)
    assert msgspec.structs.asdict(ROUND).items() <= msgspec.structs.asdict(event).items()


def test_no_file_has_no_events(tmp_path: Path) -> None:
    assert read_events(tmp_path / "none") == ([], 0)


def test_a_log_that_cannot_be_written_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    EventLog(tmp_path / "file" / "log.jsonl")(ROUND)


def test_a_run_writes_its_events_beside_its_result(tmp_path: Path) -> None:
    overrides = ["model=unimportable", "delegate=portable"]
    heard: list[Event] = []
    for name in ("events.jsonl", "null"):
        cell = etbench.compose([*overrides, f"event_log={name}"], config_dir=CONF)
        etbench.run(cell, out_dir=tmp_path / name, on_event=heard.append)
    logged, _ = read_events(tmp_path / "events.jsonl" / "events.jsonl")
    assert [event.kind for event in logged] == [event.kind for event in heard[: len(logged)]]
    assert logged[-1].kind == "cell_finished" and logged[-1].status == "failed"
    assert not list((tmp_path / "null").glob("*.jsonl"))


@pytest.mark.parametrize("name", ["../log.jsonl", "/tmp/log.jsonl", ".."])
def test_an_event_log_lies_in_the_folder_of_the_results(name: str) -> None:
    with pytest.raises(ConfigError, match="event_log"):
        etbench.compose([f"event_log={name}"])
