"""Each way in that is closed, tried: other names, other sites, no token."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from running import environment
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from etbench.cli.main import main
from etbench.ui.security import COOKIE, Guard, is_loopback, names_of

HERE = "127.0.0.1:8765"
GOOD = {"host": HERE, "origin": f"http://{HERE}"}


async def _inner(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": []})


def ask(
    headers: dict[str, str],
    *,
    kind: str = "http",
    method: str = "GET",
    query: str = "",
    token: str | None = None,
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
        "path": "/",
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
    }
    guard = Guard(_inner, names_of("127.0.0.1", 8765), token)
    asyncio.run(guard(scope, receive, send))  # type: ignore[arg-type]
    answer = sent[0]
    return answer | {"headers": {k.decode(): v.decode() for k, v in answer.get("headers", [])}}


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


def test_a_token_is_asked_for_and_then_kept_in_a_cookie() -> None:
    assert ask(GOOD, token=TOKEN)["status"] == 403
    assert ask(GOOD, kind="websocket", token=TOKEN)["type"] == "websocket.close"
    assert ask(GOOD, query="token=a+secret+of+some+lengthX", token=TOKEN)["status"] == 403
    answer = ask(GOOD, query="token=a+secret+of+some+length&result=x", token=TOKEN)
    assert (answer["status"], answer["headers"]["location"]) == (303, "/?result=x")
    cookie = answer["headers"]["set-cookie"]
    assert TOKEN not in cookie
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    bearer = GOOD | {"cookie": cookie.partition(";")[0]}
    assert ask(bearer, token=TOKEN)["status"] == 200
    assert ask(bearer, kind="websocket", token=TOKEN)["type"] != "websocket.close"
    assert ask(GOOD | {"cookie": f"{COOKIE}=wrong"}, token=TOKEN)["status"] == 403
    assert ask(bearer | {"origin": "http://evil.example"}, token=TOKEN)["status"] == 403


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
        (["--config-dir", "nowhere"], "no such folder"),
    ],
    ids=["no token", "a short token", "no folder"],
)
def test_a_command_line_that_is_not_safe_is_refused(
    arguments: list[str], expected: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "etbench", "ui", "--no-browser", *arguments]
    done = subprocess.run(
        command, cwd=tmp_path, env=environment(), capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 2
    assert expected in done.stderr


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
