"""Access control of the page: only the browser of this machine, and no other site that is open in it.

A page of another site can send requests to 127.0.0.1, and one whose name is rebound to 127.0.0.1 could even
read the answers. So every request, the websocket's handshake too, must name this server in its Host header,
and in its Origin where it has one.

Other users of this machine can send requests as well. With a token, only a browser that has brought it once
is answered, with pages and files as with websockets.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import secrets
import socket
from collections.abc import Awaitable, Callable
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psutil
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import cookie_parser
from starlette.responses import HTMLResponse, PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from etbench.escaping import html
from etbench.ui.guesses import Guesses

__all__ = ["COOKIE", "LEAST_TOKEN", "Guard", "is_loopback", "names_of", "origin_of"]

COOKIE = "etbench_session"
LEAST_TOKEN = 16  # characters
LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
READING = ("GET", "HEAD")
STANDARD_PORTS = {"http": 80, "https": 443}

# Scripts inline and with eval are what NiceGUI and Vue need; nothing comes from, or goes to, another host.
CONTENT_POLICY = "; ".join(
    (
        "default-src 'self' 'unsafe-inline' 'unsafe-eval' data: blob:",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'none'",
        "object-src 'none'",
    )
)
SAFE_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}


# Leads on to a page without the token in its address. A redirect would not do: if the browser comes from a
# file or another site, it does not send the new cookie with it.
ONWARD = (
    '<!doctype html><meta charset="utf-8"><title>etbench</title>'
    '<meta http-equiv="refresh" content="0; url={}">'
)


class Guard:
    """Rejects requests that do not come from the page itself; an ASGI application around another.

    Args:
        app: receives the allowed requests.
        hosts: ``name:port`` under which this server may be addressed, see `names_of`.
        token: if given, it is required, once as ``?token=…``; then a cookie with the secret of a session,
            which cannot be guessed, takes its place.
        cookie: the name of the cookie; browsers send it to all ports of a host.
        public: the origin (``https://name``) under which a proxy serves the page, see `origin_of`.

    """

    def __init__(
        self,
        app: ASGIApp,
        hosts: frozenset[str],
        token: str | None = None,
        *,
        cookie: str = COOKIE,
        public: str | None = None,
    ) -> None:
        self.app = app
        self._origins = {host: f"http://{host}" for host in hosts}
        if public is not None:
            self._origins[urlsplit(public).netloc] = public
        self._digest = None if token is None else _digest(token)
        self._session = secrets.token_urlsafe(32)
        self._cookie = cookie
        self._guesses = Guesses()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or reject it."""
        if scope["type"] == "lifespan":
            await self.app(scope, receive, send)
            return
        refusal = self._refusal(scope, Headers(scope=scope))
        if refusal is None and self._digest is not None and not self._has_session(scope):
            if scope["type"] == "http" and await self._brings_token(scope, self._digest):
                await self._begin_session(scope, receive, send)
                return
            refusal = "a token is required: open the address that `etbench ui` printed"
        if refusal is None:
            came = await receive()
            if came["type"] != "http.disconnect":  # engineio fails for a client that has hung up by now
                await self.app(scope, _after(came, receive), _with_safe_headers(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": refusal})
        else:
            answer = PlainTextResponse(f"refused: {refusal}\n", status_code=403)
            await answer(scope, receive, _with_safe_headers(send))

    def _refusal(self, scope: Scope, headers: Headers) -> str | None:
        host = headers.get("host", "").lower()
        if host not in self._origins:
            return f"unknown host name {host!r}"
        origin = headers.get("origin")
        changing = scope["type"] == "websocket" or scope["method"] not in READING
        if origin is None and changing:
            return "the Origin header is missing"
        if origin is not None and origin.lower() != self._origins[host]:
            return f"the origin {origin!r} is another site"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not _opens_page(headers):
            return "a request from another site"
        return None

    def _has_session(self, scope: Scope) -> bool:
        given = cookie_parser(Headers(scope=scope).get("cookie", "")).get(self._cookie, "")
        return hmac.compare_digest(given.encode(), self._session.encode())

    async def _brings_token(self, scope: Scope, digest: str) -> bool:
        """Return whether a request has the token in its address; a client that guesses has to wait."""
        given = dict(_query(scope)).get("token")
        if given is None:
            return False
        address = (scope.get("client") or ("", 0))[0]
        await self._guesses.wait(address)
        right = hmac.compare_digest(_digest(given), digest)
        if right:
            self._guesses.forgive(address)
        return right

    async def _begin_session(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the browser the cookie, and lead it on to the same page without the token in its address."""
        query = urlencode([(key, value) for key, value in _query(scope) if key != "token"])
        onward = quote("/" + scope["path"].lstrip("/")) + (f"?{query}" if query else "")
        answer = HTMLResponse(ONWARD.format(html(onward)), headers={"Cache-Control": "no-store"})
        host = Headers(scope=scope).get("host", "").lower()
        encrypted = self._origins[host].startswith("https:")
        answer.set_cookie(self._cookie, self._session, httponly=True, samesite="strict", secure=encrypted)
        await answer(scope, receive, _with_safe_headers(send))


def names_of(host: str, port: int) -> frozenset[str]:
    """Return every ``name:port`` under which a server that is bound to this address may be addressed."""
    names = {*LOOPBACK, _bracketed(host)}
    if host in ("0.0.0.0", "::"):
        addresses = [address for found in psutil.net_if_addrs().values() for address in found]
        names |= {
            _bracketed(address.address.partition("%")[0])
            for address in addresses
            if address.family in (socket.AF_INET, socket.AF_INET6)
        }
        names |= {socket.gethostname(), socket.getfqdn()}
    with_port = {f"{name.lower()}:{port}" for name in names}
    return frozenset(with_port | ({name.lower() for name in names} if port == 80 else set()))


def origin_of(url: str) -> str:
    """Return the origin that a browser sends for a page at this address, such as ``https://bench.example.org``.

    Raises:
        ValueError: if it is not the address of a whole host.

    """
    parts = urlsplit(url)
    whole = parts.path in ("", "/") and not (parts.query or parts.fragment or parts.username)
    if parts.scheme not in STANDARD_PORTS or not parts.hostname or not whole:
        raise ValueError(f"{url}: expected http:// or https:// and a host name, with no path")
    shown = parts.port is not None and parts.port != STANDARD_PORTS[parts.scheme]
    return f"{parts.scheme}://{_bracketed(parts.hostname)}" + (f":{parts.port}" if shown else "")


def is_loopback(host: str) -> bool:
    """Return whether an address is a loopback address, which other machines cannot reach."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _opens_page(headers: Headers) -> bool:
    """Return whether the browser opens a link or an address, which does not change anything."""
    return headers.get("sec-fetch-mode") == "navigate" and headers.get("sec-fetch-dest") == "document"


def _query(scope: Scope) -> list[tuple[str, str]]:
    return parse_qsl(scope["query_string"].decode("latin-1"))


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _after(first: Message, receive: Receive) -> Receive:
    """Return a function that receives this message, and then the others."""
    waiting = [first]

    async def received() -> Message:
        return waiting.pop() if waiting else await receive()

    return received


def _with_safe_headers(send: Send) -> Callable[[Message], Awaitable[None]]:
    async def send_on(message: Message) -> None:
        if message["type"] == "http.response.start":
            MutableHeaders(scope=message).update(SAFE_HEADERS)
        await send(message)

    return send_on
