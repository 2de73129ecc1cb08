"""Show folders with hostile files on the real pages, send hostile requests, and find what is wrong.

The pages are behind their guard, as `etbench ui` serves them, but without a socket and a browser: what a
browser would ask for once a page is open (the timers, the choice of all folders) is called here.
"""

from __future__ import annotations

import asyncio
import contextlib
import inspect
import json
import random
import re
import time
import traceback
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote, quote_from_bytes, unquote, urlencode

from fastapi import FastAPI
from hostile_commands import LONGEST_S, Case, Run, missing_values, outside, sorted_files
from hostile_files import texts
from nicegui import Client, app, ui
from nicegui import json as browser_json
from nicegui.background_tasks import running_tasks
from nicegui.elements.timer import Timer

from etbench.ui import external_runs, library, watch
from etbench.ui.choices import Choices
from etbench.ui.external_runs import ExternalRuns
from etbench.ui.jobs import Jobs
from etbench.ui.library import Library
from etbench.ui.pages import add_pages
from etbench.ui.security import Guard
from etbench.ui.server import Settings, guarded

__all__ = ["LEAKS", "OWN", "PAGES", "PORT", "Pages", "Request", "request_of", "run_page", "served"]

PORT = 8765
HERE = f"127.0.0.1:{PORT}"
OWN = {"host": HERE}
PAGES = tuple(
    f"page {name}" for name in ("run", "results", "decide", "compare", "trend", "inspect", "doctor")
)
INSPECTED = 4  # results of a folder
ELEMENTS = re.compile(rb"'client_id': '([0-9a-f-]+)'")
LEAKS = (b"root:x:", b"not to be changed")  # of files that are not results


@dataclass(frozen=True)
class Request:
    """A request as a client writes it."""

    method: str
    target: str  # printable ASCII
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_own(self) -> bool:
        """Whether it names this server, so that it may be answered."""
        return self.headers.get("host", "").lower() in (HERE, f"localhost:{PORT}", f"[::1]:{PORT}")


@dataclass
class Shown:
    """A page as the browser gets it: every element, in JSON."""

    status: int
    elements: list[dict[str, Any]]
    text: str
    values: dict[str, Any]  # of what has a label


class Pages:
    """The pages, and what went wrong in them.

    Args:
        choices: what the Run tab offers.
        scratch: an empty folder.

    """

    def __init__(self, choices: Choices, scratch: Path) -> None:
        self._jobs = Jobs(choices, scratch)
        self._settings = Settings(
            host="127.0.0.1", port=PORT, token=None, browser=False, results=[scratch], config_dir=None
        )
        self.faults: list[str] = []
        self.library = Library([])
        self.read(scratch)
        self.guard: Guard = guarded(self._settings, PORT)
        app.on_exception(self._note)
        self.runner = asyncio.Runner()

    def read(self, root: Path) -> None:
        """Show this folder from now on."""
        self.library = Library([root])
        external = ExternalRuns([root])
        external.look()
        add_pages(self._jobs, external, self.library)

    def answer(self, request: Request, *, hangs_up: bool = False) -> tuple[int, bytes]:
        """Return status and body of the answer to a request, whose client may have gone."""
        return self.runner.run(self._answer(request, hangs_up=hangs_up))

    def opens_socket(self, headers: Mapping[str, str]) -> bool:
        """Return whether a websocket with these headers is let in."""
        return self.runner.run(self._socket(headers))

    def show(self, target: str) -> Shown:
        """Open a page as a browser does, and choose all folders."""
        return self.runner.run(self._shown(target))

    def _note(self, error: Exception) -> None:
        self.faults.append("".join(traceback.format_exception(error, limit=-6)))

    async def _answer(self, request: Request, *, hangs_up: bool = False) -> tuple[int, bytes]:
        came = ["http.disconnect", *([] if hangs_up else ["http.request"])]
        sent = await self._send(
            came, request.headers, method=request.method, target=request.target, scheme="http"
        )
        body = b"".join(message.get("body", b"") for message in sent)
        return next((message["status"] for message in sent if "status" in message), 0), body

    async def _socket(self, headers: Mapping[str, str]) -> bool:
        target = "/_nicegui_ws/socket.io/?EIO=4&transport=websocket"
        came = ["websocket.disconnect", "websocket.connect"]
        sent = await self._send(came, headers, method="", target=target, scheme="ws", subprotocols=[])
        return bool(sent[0]["type"] == "websocket.accept")

    async def _send(
        self, came: list[str], headers: Mapping[str, str], *, method: str, target: str, **more: Any
    ) -> list[dict[str, Any]]:
        sent: list[dict[str, Any]] = []

        async def send(message: Any) -> None:
            sent.append(message)

        async def receive() -> Any:
            return {"type": came.pop() if len(came) > 1 else came[0]}

        path, _, query = target.partition("?")
        scope = {
            "type": came[0].partition(".")[0],
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": method,
            "path": unquote(path),
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": query.encode(),
            "client": ("127.0.0.1", 50_000),
            "server": ("127.0.0.1", PORT),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in headers.items()],
            **more,
        }
        await self.guard(scope, receive, send)
        return sent

    async def _shown(self, target: str) -> Shown:
        status, body = await self._answer(Request("GET", target, OWN))
        found = ELEMENTS.search(body)
        if found is None:
            return Shown(status, [], body.decode(errors="replace"), {})
        client = Client.instances[found[1].decode()]
        waiting = set(running_tasks)  # for a browser
        try:
            for timer in [one for one in client.elements.values() if isinstance(one, Timer)]:
                try:
                    await _call(timer)
                finally:
                    await _settle(waiting)
            for select in [one for one in client.elements.values() if isinstance(one, ui.select)]:
                with client:
                    _choose(select)
            await _settle(waiting)
            dicts = [element._to_dict() for element in client.elements.values()]
            text = browser_json.dumps(dicts)  # what cannot be sent is an error
            values = {
                str(one.props["label"]): one.value
                for one in client.elements.values()
                if isinstance(one, ui.select | ui.input)
            }
            return Shown(status, json.loads(text), text, values)
        finally:
            client.delete()


@contextlib.contextmanager
def served(choices: Choices, scratch: Path) -> Iterator[Pages]:
    """Provide the pages; a process can have them once, since NiceGUI has one application."""
    pages = Pages(choices, scratch)
    lifespan = cast(FastAPI, pages.guard.app).router.lifespan_context(pages.guard.app)
    with pages.runner, _without_pauses():
        pages.runner.run(_entered(lifespan))
        yield pages
        pages.runner.run(_left(lifespan))


@contextlib.contextmanager
def _without_pauses() -> Iterator[None]:
    """Look for new files whenever a page asks."""
    pauses = ((library, "LOOK_EVERY_S"), (watch, "LOOK_EVERY_S"), (external_runs, "FIND_EVERY_S"))
    before = [(module, name, getattr(module, name)) for module, name in pauses]
    for module, name in pauses:
        setattr(module, name, 0.0)
    try:
        yield
    finally:
        for module, name, seconds in before:
            setattr(module, name, seconds)


async def _entered(lifespan: Any) -> None:
    with warnings.catch_warnings():
        # NiceGUI looks for its server among all objects; torch has some that warn when they are looked at.
        warnings.simplefilter("ignore", FutureWarning)
        await lifespan.__aenter__()


async def _left(lifespan: Any) -> None:
    await lifespan.__aexit__(None, None, None)


async def _call(timer: Timer) -> None:
    with cast(Any, timer.parent_slot):
        result = timer.callback() if timer.callback else None
        if inspect.isawaitable(result):
            await result


async def _settle(waiting: set[asyncio.Task[Any]]) -> None:
    """Wait for what was started since, except for timers of new elements: they wait for a browser."""
    ends = time.monotonic() + 6 * LONGEST_S
    while running := [task for task in running_tasks - waiting if not _is_timer(task)]:
        if time.monotonic() > ends:
            raise TimeoutError(f"not finished after {6 * LONGEST_S:.0f} s: {running}")
        await asyncio.wait(running, timeout=1.0)


def _is_timer(task: asyncio.Task[Any]) -> bool:
    return getattr(task.get_coro(), "__qualname__", "").startswith("Timer.")


def _choose(select: ui.select) -> None:
    """Choose all folders, or the first one for what takes one."""
    options = [*select.options]
    if select.props["label"] == "Folders" and options:
        select.set_value(options)
    elif select.props["label"] in ("Baseline", "New") and options:
        select.set_value(options[0])


def run_page(pages: Pages, case: Case, name: str) -> Run:
    """Open a page on the folder of a case, and judge it."""
    run = Run(name)
    before, began = outside(case), time.process_time()
    pages.faults.clear()
    pages.read(case.root / "in")
    try:
        _LOOK[name](pages, case, run)
    except Exception:  # whatever it is, it is what is looked for
        run.wrong.append(traceback.format_exc(limit=-6))
    run.wrong += pages.faults
    if (took := time.process_time() - began) > LONGEST_S:
        run.wrong.append(f"took {took:.0f} s")
    if (after := outside(case)) != before:
        run.wrong.append(f"changed files: {sorted(set(before.items()) ^ set(after.items()))}")
    return run


def _open(pages: Pages, run: Run, target: str) -> Shown:
    shown = pages.show(target)
    if shown.status != 200 or not shown.elements:
        run.wrong.append(f"{target}: status {shown.status}, {len(shown.elements)} elements")
    for element in shown.elements:
        if "<script" in str(element.get("props", {}).get("innerHTML", "")).lower():
            run.wrong.append(f"{target}: a script is in the page: {element}")
    return shown


def _check_named(case: Case, run: Run, shown: Shown) -> None:
    """Check that each file that is not a result is left out by name."""
    for path in sorted_files(case)[1]:
        if _leads_out(path, case):
            continue  # not followed, and not one of this folder
        run.refused += 1
        if f"in/{path.name}" not in shown.text:
            run.wrong.append(f"{path.name} ({case.inputs[path].what}) was left out without a word")


def _leads_out(path: Path, case: Case) -> bool:
    try:
        return not path.resolve().is_relative_to((case.root / "in").resolve())
    except (RuntimeError, OSError):
        return False


def _run_tab(pages: Pages, case: Case, run: Run) -> None:
    _open(pages, run, "/")


def _results(pages: Pages, case: Case, run: Run) -> None:
    shown = _open(pages, run, "/results")
    (rows,) = [one["props"]["rows"] for one in shown.elements if "rows" in one.get("props", {})]
    readable = sorted_files(case)[0]
    readable = {path: raw for path, raw in readable.items() if not _leads_out(path, case)}
    run.wrong += missing_values([(row["mean ms"],) for row in rows], readable, lambda raw, mean: (mean,))
    text = texts(random.Random(str(case.inputs)))
    _open(pages, run, f"/results?{urlencode({'where': text}, errors='surrogateescape')}")


def _decide(pages: Pages, case: Case, run: Run) -> None:
    _open(pages, run, "/decide")


def _compare(pages: Pages, case: Case, run: Run) -> None:
    _check_named(case, run, _open(pages, run, "/compare"))


def _trend(pages: Pages, case: Case, run: Run) -> None:
    _open(pages, run, "/trend")


def _inspect(pages: Pages, case: Case, run: Run) -> None:
    pages.library.look()
    for key in [
        *sorted(pages.library.entries)[:INSPECTED],
        *list(pages.library.unreadable)[:1],
        "../victim/file",
    ]:
        shown = _open(pages, run, f"/inspect?{urlencode({'result': key})}")
        chosen = shown.values["Result file"]
        if key in pages.library.entries and chosen != key:
            run.wrong.append(f"{key} was asked for, and {chosen} is shown")
        if "not to be changed" in shown.text:
            run.wrong.append(f"{key}: a file is shown that is not a result")


def _doctor(pages: Pages, case: Case, run: Run) -> None:
    """Send requests; the page itself shows no files."""
    chance = random.Random(str(case.inputs))
    for _ in range(10):
        request = request_of(chance)
        status, body = pages.answer(request)
        if status >= 500 or status == 0 or (status != 403 and not request.is_own):
            run.wrong.append(f"{request}: status {status}")
        if any(leak in body for leak in LEAKS):
            run.wrong.append(f"{request}: {body[:200]!r}")
    foreign = {"host": HERE, "origin": f"http://{quote(texts(chance), errors='surrogateescape')}"}
    if pages.opens_socket(foreign):
        run.wrong.append(f"a websocket is opened for {foreign}")


_LOOK = dict(zip(PAGES, (_run_tab, _results, _decide, _compare, _trend, _inspect, _doctor), strict=True))
PATHS = (
    *("/", "/results", "/decide", "/compare", "/trend", "/inspect", "/doctor", "/favicon.ico", "/docs", ""),
    *("/_nicegui/", "/_nicegui_ws/socket.io/", "/_nicegui/client/1/upload/1", "/../../etc/passwd", "//"),
    *("/_nicegui/auto/static/1/../../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%00", "/%ff%fe", "*"),
)
KEYS = ("result", "where", "token", "", "client_id", "EIO", "transport", "sid", "result[]", "__proto__")
NAMES = ("cookie", "accept", "accept-language", "if-none-match", "range", "content-length", "user-agent", "x")


def request_of(chance: random.Random) -> Request:
    """Make a request with hostile parts; half of them name this server."""
    path = chance.choice(PATHS)
    if chance.random() < 0.3:
        path = chance.choice(("", path)) + f"/{_quoted(chance)}"
    query = "&".join(
        f"{chance.choice(KEYS)}={_quoted(chance)}" for _ in range(chance.choice([0, 1, 1, 3, 200]))
    )
    headers = {"host": HERE} if chance.random() < 0.6 else {}
    if chance.random() < 0.3:
        headers["host"] = chance.choice([HERE, HERE.upper(), "evil.example", _header(chance)])
    if chance.random() < 0.3:
        headers["origin"] = chance.choice([f"http://{HERE}", "null", _header(chance)])
    for _ in range(chance.choice([0, 1, 3])):
        headers[chance.choice(NAMES)] = _header(chance)
    method = chance.choice(["GET"] * 6 + ["HEAD", "POST", "OPTIONS", "TRACE", "get", "BREW"])
    return Request(method, path + (f"?{query}" if query else ""), headers)


def _quoted(chance: random.Random) -> str:
    if chance.random() < 0.2:
        return quote_from_bytes(chance.randbytes(chance.choice([1, 8, 3_000])))
    return quote(texts(chance), errors="surrogateescape", safe=chance.choice(["", "/?:@&=+$,;"]))


def _header(chance: random.Random) -> str:
    """Make a value that a parser of HTTP lets through: no control characters but a tab."""
    text = texts(chance).encode("utf-8", "surrogateescape").decode("latin-1")
    return "".join(letter for letter in text if letter >= " " or letter == "\t")[:4_000].strip()
