"""Each way in that is closed, tried: other names, other sites, no token."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import http.client
import re
import socket
import sys
from pathlib import Path
from typing import Any

import pytest
from running import status_of
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from etbench.cli.main import main
from etbench.ui.guesses import CLIENTS, MOST_S, Guesses
from etbench.ui.security import COOKIE, Guard, is_loopback, names_of, origin_of

pytestmark = pytest.mark.early

HERE = "127.0.0.1:8765"
GOOD = {"host": HERE, "origin": f"http://{HERE}"}


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def guarded(token: str | None = None) -> Guard:
    return Guard(_inner, names_of("127.0.0.1", 8765), token)


def ask(
    headers: dict[str, str],
    *,
    kind: str = "http",
    method: str = "GET",
    path: str = "/",
    query: str = "",
    guard: Guard | None = None,
    client: str = "127.0.0.1",
) -> dict[str, Any]:
    """Send a request through a guard and return the first message of the answer, headers as a dictionary."""
    sent: list[dict[str, Any]] = []

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    async def receive() -> dict[str, Any]:
        return {"type": "http.request"}

    scope = {
        "type": kind,
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "client": (client, 50_000),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    asyncio.run((guard or guarded())(scope, receive, send))  # type: ignore[arg-type]
    answer = sent[0]
    body = b"".join(message.get("body", b"") for message in sent).decode()
    return answer | {"headers": {k.decode(): v.decode() for k, v in answer.get("headers", [])}, "body": body}


def test_behind_a_proxy_only_its_own_origin_is_let_in_and_the_cookie_is_for_tls_alone() -> None:
    public = "https://bench.example.org"
    proxied = {"host": "bench.example.org", "origin": public}
    guard = Guard(_inner, names_of("127.0.0.1", 8765), TOKEN, public=public)
    assert ask(proxied, guard=guard)["status"] == 403  # no token yet
    first = ask(proxied, query=f"token={TOKEN}", guard=guard)
    assert "secure" in first["headers"]["set-cookie"].lower()
    session = {"cookie": first["headers"]["set-cookie"].partition(";")[0]}
    assert ask(proxied | session, kind="websocket", guard=guard)["type"] != "websocket.close"
    for other in ("http://bench.example.org", "https://evil.example", f"http://{HERE}"):
        assert ask(proxied | session | {"origin": other}, method="POST", guard=guard)["status"] == 403
    here = ask(GOOD, query=f"token={TOKEN}", guard=guard)  # plain HTTP on the loopback goes on
    assert here["status"] == 200
    assert "secure" not in here["headers"]["set-cookie"].lower()


def test_the_address_of_a_proxy_is_a_whole_host() -> None:
    assert origin_of("https://Bench.example.org:443/") == "https://bench.example.org"
    assert origin_of("https://bench.example.org:8443") == "https://bench.example.org:8443"
    for wrong in (
        "bench.example.org",
        "https://",
        "ftp://a",
        "https://a/etbench",
        "https://me@a",
        "https://a?x",
    ):
        with pytest.raises(ValueError, match="expected http"):
            origin_of(wrong)


@pytest.mark.parametrize("host", [HERE, "localhost:8765", "[::1]:8765", "LOCALHOST:8765"])
def test_its_own_names_are_let_in(host: str) -> None:
    assert ask({"host": host})["status"] == 200
    assert ask({"host": host, "origin": f"http://{host.lower()}"}, method="POST")["status"] == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:80", "localhost.evil:8765"]
)
@pytest.mark.parametrize("kind", ["http", "websocket"])
def test_a_name_rebound_to_this_machine_is_refused(host: str, kind: str) -> None:
    answer = ask({"host": host, "origin": f"http://{host}"}, kind=kind)
    assert answer.get("status", answer.get("code")) in (403, 1008)


@pytest.mark.parametrize(
    "origin",
    [
        "http://evil.example",
        "null",
        "https://127.0.0.1:8765",
        "http://127.0.0.1:9999",
        "http://localhost:8765",
        "",
    ],
)
def test_another_origin_is_refused(origin: str) -> None:
    assert ask(GOOD | {"origin": origin})["status"] == 403
    assert ask(GOOD | {"origin": origin}, method="POST")["status"] == 403
    assert ask(GOOD | {"origin": origin}, kind="websocket")["type"] == "websocket.close"


def test_what_changes_something_must_say_where_it_comes_from() -> None:
    for method in ("POST", "PUT", "DELETE", "OPTIONS"):
        assert ask({"host": HERE}, method=method)["status"] == 403
    assert ask({"host": HERE}, kind="websocket")["type"] == "websocket.close"


def test_another_site_may_link_here_but_not_read_or_frame_it() -> None:
    link = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
    answer = ask({"host": HERE} | link)
    assert answer["status"] == 200
    assert answer["headers"]["x-frame-options"] == "DENY"
    assert "frame-ancestors 'none'" in answer["headers"]["content-security-policy"]
    assert ask({"host": HERE} | link | {"sec-fetch-dest": "iframe"})["status"] == 403
    assert (
        ask({"host": HERE} | link | {"sec-fetch-mode": "no-cors", "sec-fetch-dest": "script"})["status"]
        == 403
    )


TOKEN = "a secret of some length"


RIGHT = "token=a+secret+of+some+length"
WRONG = f"{RIGHT}X"


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that a guard waits before it looks at a token; no test waits for them."""
    waited: list[float] = []

    async def noted(seconds: float) -> None:
        waited.append(seconds)

    monkeypatch.setattr("etbench.ui.guesses.asyncio.sleep", noted)
    return waited


def test_a_token_is_asked_for_and_then_a_cookie_takes_its_place(pauses: list[float]) -> None:
    guard = guarded(TOKEN)
    for path in ("/", "/_nicegui/3/static/nicegui.js", "/_nicegui_ws/socket.io/"):
        assert ask(GOOD, path=path, guard=guard)["status"] == 403
        assert ask(GOOD, kind="websocket", path=path, guard=guard)["type"] == "websocket.close"
    assert ask(GOOD, kind="websocket", query=RIGHT, guard=guard)["type"] == "websocket.close"
    assert ask(GOOD, query=WRONG, guard=guard)["status"] == 403
    answer = ask(GOOD, path="/inspect", query=f"{RIGHT}&result=x%26%FF", guard=guard)
    assert answer["status"] == 200
    assert 'content="0; url=/inspect?result=x%26%EF%BF%BD"' in answer["body"]
    assert answer["headers"]["cache-control"] == "no-store"
    cookie = answer["headers"]["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    bearer = GOOD | {"cookie": cookie.partition(";")[0]}
    assert ask(bearer, guard=guard)["status"] == 200
    assert ask(bearer, kind="websocket", guard=guard)["type"] != "websocket.close"
    assert ask(bearer | {"origin": "http://evil.example"}, guard=guard)["status"] == 403
    assert ask(bearer, guard=guarded(TOKEN))["status"] == 403, "of another server, or made from the token"
    for value in ("wrong", hashlib.sha256(TOKEN.encode()).hexdigest(), TOKEN, ""):
        assert ask(GOOD | {"cookie": f"{COOKIE}={value}"}, guard=guard)["status"] == 403


@pytest.mark.parametrize("path", ["//evil.example", "/\\evil.example", '/"><script>'])
def test_the_way_on_from_a_token_stays_on_this_server(path: str) -> None:
    body = ask(GOOD, path=path, query=RIGHT, guard=guarded(TOKEN))["body"]
    (target,) = re.findall('url=([^"]*)"', body)
    assert re.fullmatch(r"/[^/\\<>]*", target)


def test_guesses_wait_longer_and_longer_and_the_right_token_as_long_as_the_last(pauses: list[float]) -> None:
    guard = guarded(TOKEN)
    for _ in range(100):
        assert ask(GOOD, query=WRONG, guard=guard)["status"] == 403
    assert pauses[:5] == [0.0, 0.1, 0.2, 0.4, 0.8]
    assert pauses == sorted(pauses) and pauses[-1] == MOST_S
    assert ask(GOOD, query=WRONG, guard=guard, client="10.0.0.2")["status"] == 403
    assert pauses.pop() == 0.0, "another client"
    assert ask(GOOD, query=RIGHT, guard=guard)["status"] == 200
    assert pauses.pop() == MOST_S
    ask(GOOD, query=WRONG, guard=guard)
    assert pauses.pop() == 0.0


def test_guesses_at_the_same_time_do_not_share_a_pause(pauses: list[float]) -> None:
    async def at_once() -> None:
        guesses = Guesses()
        await asyncio.gather(*(guesses.wait("10.0.0.1") for _ in range(20)))

    asyncio.run(at_once())
    assert sum(pauses) > 10 * MOST_S


def test_the_addresses_of_one_network_are_one_client_and_few_are_remembered(pauses: list[float]) -> None:
    async def many() -> Guesses:
        guesses = Guesses()
        for number in range(3 * CLIENTS):
            await guesses.wait(f"2001:db8::{number:x}")
            await guesses.wait(f"10.0.{number >> 8}.{number & 255}")
        return guesses

    guesses = asyncio.run(many())
    assert len(guesses._wrong) == CLIENTS
    assert pauses[-2:] == [MOST_S, 0.0]


def test_a_server_on_all_addresses_knows_its_own_names() -> None:
    names = names_of("0.0.0.0", 8765)
    assert {HERE, "localhost:8765"} < names
    assert "evil.example:8765" not in names


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("127.3.2.1", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("a.example", False),
    ],
)
def test_only_loopback_needs_no_token(host: str, loopback: bool) -> None:
    assert is_loopback(host) == loopback


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--host", "0.0.0.0"], "could start runs here; add --token"),
        (["--host", "0.0.0.0", "--token", "short"], "can be guessed"),
        (["--token", ""], "0 characters can be guessed"),
        (["--token", "sixteen characters\udcff"], "has control characters or is not UTF-8"),
        (["--config-dir", "nowhere"], "no such folder"),
        (["--results", __file__], "it is a file"),
        (["--port", "99999"], "99999: expected a port, from 0 to 65,535"),
        (["--port", "-1"], "expected a port"),
        (["--host", "203.0.113.1", "--token", "auto"], "--host 203.0.113.1: Cannot assign requested address"),
        (["--host", "a" * 70, "--token", "auto"], "use an address of this machine"),
    ],
    ids=[
        *("no token", "a short token", "an empty token", "a token in no encoding", "no folder", "a file"),
        *("a large port", "a negative port", "the address of another machine", "an impossible host"),
    ],
)
def test_a_command_line_that_is_not_safe_or_cannot_work_is_refused(
    arguments: list[str],
    expected: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert status_of("ui", "--no-browser", *arguments) == 2
    printed = capsys.readouterr().err
    assert expected in printed
    assert "Traceback" not in printed


def test_a_port_in_use_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["ui", "--no-browser", "--port", str(port)]) == 2
    expected = f"--port {port}: Address already in use; use another port, or 0 for a free one\n"
    assert capsys.readouterr().err == expected


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "nicegui", None)
    for name in [name for name in sys.modules if name.startswith("etbench.ui.")]:
        monkeypatch.delitem(sys.modules, name)
    assert main(["ui"]) == 2
    assert 'pip install "etbench[ui]"' in capsys.readouterr().err


def _get(port: int, path: str, host: str = "127.0.0.1") -> tuple[int, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=180)
    with contextlib.closing(connection):
        connection.putrequest("GET", path, skip_host=True)
        connection.putheader("Host", f"{host}:{port}")
        connection.endheaders()
        answer = connection.getresponse()
        return answer.status, answer.read()


def test_the_real_server_refuses_them_too(server: Any) -> None:
    port = server.port
    assert _get(port, "/")[0] == 200
    assert _get(port, "/", "evil.example")[0] == 403
    socket = f"ws://127.0.0.1:{port}/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
    for origin in ("http://evil.example", None):
        with pytest.raises(InvalidStatus, match="403"), connect(socket, origin=origin, open_timeout=180):
            pass
    with connect(socket, origin=f"http://127.0.0.1:{port}", open_timeout=180) as connection:
        assert connection.recv().startswith("0{")  # the handshake of engine.io


@pytest.mark.parametrize(
    "path",
    [
        "/inspect?result=../../../../etc/passwd",
        "/inspect?result=/etc/passwd",
        "/results/../../../etc/passwd",
        "/..%2f..%2f..%2fetc%2fpasswd",
        "/_nicegui/3.18.0/static/..%2f..%2f..%2f..%2f..%2f..%2fetc/passwd",
    ],
)
def test_no_address_gives_a_file(path: str, server: Any) -> None:
    assert b"root:x" not in _get(server.port, path)[1]


def test_there_is_nothing_to_upload_to_and_no_listing_of_the_interface(server: Any) -> None:
    for path in ("/docs", "/openapi.json", "/_nicegui/client/1/upload/1"):
        assert _get(server.port, path)[0] == 404
