"""A server with a token and a folder that somebody else made: nobody gets in, and the page is whole."""

from __future__ import annotations

import contextlib
import http.client
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from browsing import Server, card, started
from hostile import make_hostile
from playwright.sync_api import Browser, Page, expect
from waiting import wait_for
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from etbench.ui.security import COOKIE

pytestmark = pytest.mark.early

SOCKET = "/_nicegui_ws/socket.io/?EIO=4&transport="
OPENER = """\
#!/bin/sh
# Stands in for a browser: notes how it was called, and keeps the file, which is removed with the server.
cp -p "${1#file://}" opened.html
echo "$1" > called
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("received")
    make_hostile(folder / "received")
    (opener := folder / "opener").write_text(OPENER)
    opener.chmod(0o755)
    with started(
        folder, "--token", "auto", "--results", str(folder / "received"), BROWSER=f"{opener} %s"
    ) as server:
        yield server


def _get(server: Server, path: str, **headers: str) -> tuple[int, http.client.HTTPMessage]:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    with contextlib.closing(connection):
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.headers


def test_without_the_token_there_is_no_page_no_file_and_no_socket(server: Server) -> None:
    query = urlsplit(server.address).query
    assert len(query) > 30
    status, headers = _get(server, f"/?{query}")
    assert status == 200
    cookie = headers["Set-Cookie"].partition(";")[0]
    assert cookie.startswith(f"{COOKIE}_{server.port}=")
    origin = f"http://127.0.0.1:{server.port}"
    address = f"ws://127.0.0.1:{server.port}{SOCKET}websocket"
    paths = ["/", "/inspect", f"{SOCKET}polling", "/favicon.ico", _static_file(server, cookie)]
    for path in paths:
        for headers in ({}, {"Cookie": f"{cookie}x"}, {"X-Forwarded-For": "10.0.0.1"}):
            assert _get(server, path, **headers)[0] == 403, path
        assert _get(server, path, Cookie=cookie)[0] == 200, path
    for wrong in range(3):
        assert _get(server, f"/?token={wrong}")[0] == 403
    assert _get(server, f"/?{query}")[0] == 200, "guesses of others lock nobody out"
    with pytest.raises(InvalidStatus, match="403"), connect(address, origin=origin, open_timeout=180):
        pass
    known = {"Cookie": cookie}
    with connect(address, origin=origin, additional_headers=known, open_timeout=180) as socket:
        assert socket.recv().startswith("0{")


def _static_file(server: Server, cookie: str) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=180)
    with contextlib.closing(connection):
        connection.request("GET", "/", headers={"Cookie": cookie})
        page = connection.getresponse().read().decode()
    return re.search(r'/_nicegui/[^"]+\.js', page)[0]


@pytest.fixture
def page(browser: Browser, server: Server) -> Iterator[Page]:
    """A tab that is opened as a user's browser is: by a file that leads on to the page."""
    called = wait_for(lambda: (server.cwd / "called").exists() and (server.cwd / "called").read_text())
    token = urlsplit(server.address).query.removeprefix("token=")
    assert token not in called, "other users see the arguments of a process"
    kept = server.cwd / "opened.html"
    assert kept.stat().st_mode & 0o077 == 0 and token in kept.read_text()
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(180_000)
    page.goto(kept.as_uri())
    expect(page.get_by_role("link", name="Compare")).to_be_visible()
    assert page.url == f"http://127.0.0.1:{server.port}/"
    yield page
    context.close()


def test_every_tab_shows_what_can_be_shown_of_such_a_folder(page: Page, server: Server) -> None:
    run = page.locator(".eb-card").filter(has_text="Earlier: ")
    expect(
        run.get_by_text(re.compile(r"^ended before all cells were finished · 1 of 3 cells"))
    ).to_be_visible()
    page.get_by_role("link", name="Compare").click()
    expect(page.get_by_text("28 measured cells")).to_be_visible()
    page.get_by_label("Folders", exact=True).click()
    page.get_by_role("option", name="received", exact=True).click()
    page.keyboard.press("Escape")
    left_out = card(page, "Left out")
    files = ("fifo.json", "deep.json", "loop.json", "large_integer.json", "no_latency.json")
    for name in (*files, "silent fp32 xnnpack"):
        expect(left_out.get_by_role("row").filter(has_text=name)).to_be_visible()
    page.goto(f"http://127.0.0.1:{server.port}/inspect?result=received/no_message.json")
    expect(card(page, "silent fp32 xnnpack")).to_be_visible()
    page.get_by_role("link", name="Results").click()
    expect(page.get_by_role("row").filter(has_text="silent fp32 xnnpack")).to_be_visible()
    page.get_by_role("link", name="Decide").click()
    expect(card(page, "What to ship").get_by_role("status")).to_be_visible()
    assert server.process.poll() is None


def test_the_file_for_the_browser_is_removed_with_the_server(tmp_path: Path) -> None:
    from etbench.ui.server import _for_browser

    with _for_browser("http://127.0.0.1:1/?token=x&y", secret=True) as address:
        path = Path(urlsplit(address).path)
        assert "token=x&amp;y" in path.read_text()
    assert not path.exists()
    with _for_browser("http://127.0.0.1:1", secret=False) as address:
        assert address == "http://127.0.0.1:1"
