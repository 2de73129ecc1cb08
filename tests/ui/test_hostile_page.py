"""The pages over hostile files and requests, of which `benchmarks/hostile.py` tries thousands."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hostile_commands import GOOD, Case
from hostile_files import LARGE, SPECIAL, Input
from hostile_page import OWN, PAGES, Pages, Request, run_page, served

from etbench.ui.choices import Choices
from etbench.ui.pages import frame

pytestmark = pytest.mark.early

STRANGE = [Input("special", name, put) for name, put in SPECIAL.items() if name not in LARGE]


@pytest.fixture(scope="module")
def pages(choices: Choices, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pages]:
    with served(choices, tmp_path_factory.mktemp("pages")) as pages:
        yield pages


@pytest.mark.parametrize("name", PAGES)
def test_each_page_shows_the_good_result_and_names_what_is_left_out(
    name: str, pages: Pages, tmp_path: Path
) -> None:
    logs = [
        Input("run", what, put, name=f"run{{}}/{file}")
        for file in ("events.jsonl", ".sweep/manifest.json")
        for what, put in SPECIAL.items()
        if what not in LARGE
    ]
    run = run_page(pages, Case.of(tmp_path / "case", [*STRANGE, *logs]), name)
    assert not run.wrong
    assert run.refused >= 6 or name != "page compare"


@pytest.mark.parametrize(
    ("name", "part"),
    [("decide", "decide.decide"), ("results", "results.state_of"), ("trend", "trend.to_frame")],
)
def test_a_page_shows_why_it_can_show_nothing_else(
    name: str, part: str, pages: Pages, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(f"etbench.ui.pages.{part}", lambda *_, **__: 1 / 0)
    pages.read(Case.of(tmp_path / "case", []).root / "in")
    pages.faults.clear()
    assert "cannot be" in (text := pages.show(f"/{name}").text) and "ZeroDivisionError" in text
    assert not pages.faults


def test_of_a_very_long_result_the_beginning_is_shown(pages: Pages, tmp_path: Path) -> None:
    raw = json.loads(GOOD.read_bytes())
    raw |= {
        "rounds": [[1.0 + number / 1e6] for number in range(20_000)],
        "round_facts": [],
        "stability": None,
    }
    case = Case.of(tmp_path / "case", [])
    (case.root / "in" / "good.json").write_text(json.dumps(raw))
    pages.read(case.root / "in")
    pages.library.look()
    pages.faults.clear()
    shown = pages.show("/inspect")
    assert not pages.faults
    assert "The first 100,000 of " in shown.text
    assert len(shown.text) < 1_000_000


def test_a_latency_of_weeks_is_shown_as_it_is(pages: Pages, tmp_path: Path) -> None:
    raw = json.loads(GOOD.read_bytes())
    raw["latency_ms"] |= dict.fromkeys(("avg", "min", "max", "p50", "p95", "p99"), 5e9)
    slow = Input("structure", "slow", lambda path: path.write_text(json.dumps(raw | {"rounds": []})))
    assert not run_page(pages, Case.of(tmp_path / "case", [slow]), "page results").wrong


def test_the_address_of_a_link_on_another_site_is_no_command_for_the_terminal(
    pages: Pages, caplog: pytest.LogCaptureFixture
) -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    with caplog.at_level(logging.WARNING, "nicegui"):
        status, _ = pages.answer(Request("GET", "/%1b]0;owned%07%1b[31m", OWN | link))
    assert status == 404
    (message,) = caplog.messages
    assert message.isprintable() and "owned" in message


def test_a_client_that_hangs_up_early_is_no_error(pages: Pages) -> None:
    for path in ("/", "/_nicegui_ws/socket.io/?EIO=4&transport=polling"):
        assert pages.answer(Request("GET", path, OWN), hangs_up=True)[0] == 0
    assert not pages.faults


def test_a_result_that_became_a_fifo_is_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(frame.ui, "notify", lambda text, **_: told.append(text))
    os.mkfifo(tmp_path / "x.json")
    frame.offer_file(tmp_path / "x.json", "x.json")
    assert told == [f"{tmp_path / 'x.json'}: it is a FIFO, not a regular file"]
