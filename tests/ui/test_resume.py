"""The server and its run are killed: a new server shows what there is, and goes on with it."""

from __future__ import annotations

import re
import urllib.error
import urllib.request
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest
from browsing import choose, started, tick
from playwright.sync_api import Browser, Page, expect
from waiting import wait_for
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from etbench.results.files.store import find_files

pytestmark = pytest.mark.early


def test_a_sweep_whose_server_was_killed_is_resumed_to_its_end(browser: Browser, tmp_path: Path) -> None:
    with started(tmp_path) as server:
        page = _page(browser, server)
        choose(page, "slow")
        tick(page, "Model", "unimportable", "slow")  # the one is over long before the other
        page.get_by_label("Repeats").fill("6")
        page.get_by_role("button", name="Start").click()
        wait_for(server.results.exists)
        _check_no_other_site_gets_in(server)
        expect(page.locator(".eb-card").filter(has_text="Run 2")).to_have_count(0)
        (first,) = wait_for(lambda: server.results.exists() and find_files([server.results]))
        family = psutil.Process(server.process.pid).children(recursive=True)
        for process in [server.process, *family]:
            with suppress(psutil.NoSuchProcess):  # a round is soon over
                process.kill()
        page.close()
    assert find_files([server.results]) == [first], "killed too late to show anything"
    kept = first.read_bytes()
    with started(tmp_path) as server:
        page = _page(browser, server)
        earlier = page.locator(".eb-card").filter(has_text="Earlier: ")
        expect(
            earlier.get_by_text(re.compile("^ended before all cells were finished · 1 of 2 cells"))
        ).to_be_visible()
        expect(earlier.get_by_label("The command line of this run")).to_contain_text("-m sweep.resume=")
        earlier.get_by_role("button", name="Resume").click()
        run = page.locator(".eb-card").filter(has_text="Run 1")
        expect(
            run.get_by_text(re.compile("^finished; a cell failed, is wrong or is missing · 2 of 2 cells"))
        ).to_be_visible(timeout=600_000)
        expect(earlier).to_have_count(0)
        expect(run.get_by_role("button", name="Resume")).to_be_hidden()
        page.close()
    names = [path.name for path in find_files([server.results])]
    assert names == ["slow_fp32_portable.json", "unimportable_fp32_portable.json"]
    assert first.read_bytes() == kept


def _check_no_other_site_gets_in(server: Any) -> None:
    """Try what a page of another site can, while a run is on its way: it could start or cancel one."""
    address = f"127.0.0.1:{server.port}/_nicegui_ws/socket.io/?EIO=4&transport="
    for origin in ("http://evil.example", "null", f"http://localhost:{server.port}", None):
        with pytest.raises(InvalidStatus, match="403"), connect(f"ws://{address}websocket", origin=origin):
            pass
        headers = {"Origin": origin} if origin else {}
        asked = urllib.request.Request(f"http://{address}polling", data=b"40", headers=headers)
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(asked)


def _page(browser: Browser, server: Any) -> Page:
    page = browser.new_page()
    page.set_default_timeout(180_000)
    page.goto(server.address)
    page.wait_for_selector("main h2")
    return page
