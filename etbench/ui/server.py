"""The server of the page: NiceGUI behind the `Guard`, on its own socket."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import socket
import tempfile
import webbrowser
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from etbench.errors import EtbenchError
from etbench.escaping import html
from etbench.terminal.pipe import outliving_the_reader
from etbench.text import printable
from etbench.ui.choices import Choices
from etbench.ui.external_runs import ExternalRuns
from etbench.ui.jobs import Jobs
from etbench.ui.library import Library
from etbench.ui.security import COOKIE, ONWARD, Guard, names_of

__all__ = ["Settings", "guarded", "serve"]

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


@dataclass(frozen=True)
class Settings:
    """The options of the command line; new runs are written to the first folder of `results`."""

    host: str
    port: int
    token: str | None
    browser: bool
    results: list[Path]
    config_dir: Path | None
    public_url: str | None = None


def serve(settings: Settings, add_pages: Callable[[Jobs, ExternalRuns, Library], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: the options of the command line.
        add_pages: adds the pages to the server.

    Raises:
        EtbenchError: if the host or the port cannot be used, or the groups cannot be composed.

    """
    with _bound(settings) as bound:
        port = bound.getsockname()[1]
        jobs = Jobs(Choices(settings.config_dir), settings.results[0])
        address = _address(settings, port)
        external = ExternalRuns(settings.results)
        external.look()
        add_pages(jobs, external, Library(settings.results))
        guard = guarded(settings, port, _lifespan(jobs, address, settings))
        config = uvicorn.Config(
            guard,
            log_level="warning",
            ws="wsproto",
            server_header=False,
            proxy_headers=False,  # or a client could give itself any address
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])


def guarded(settings: Settings, port: int, lifespan: Lifespan | None = None) -> Guard:
    """Return the application with the pages that were added, behind its guard.

    Args:
        settings: the options of the command line.
        port: of the socket.
        lifespan: what is done before the first request and after the last.

    """
    logging.getLogger("nicegui").addFilter(_printable_only)
    app = FastAPI(lifespan=lifespan, openapi_url=None)
    ui.run_with(
        app,
        title="etbench",
        favicon="⏱️",
        dark=None,  # as the system has it
        language="en-US",
        binding_refresh_interval=None,  # nothing is bound; a loop would disturb the measurement
        show_welcome_message=False,
        reconnect_timeout=30,  # s; the cores may be busy with the measurement
    )
    return Guard(
        app,
        names_of(settings.host, port),
        settings.token,
        cookie=f"{COOKIE}_{port}",
        public=settings.public_url,
    )


def _printable_only(record: logging.LogRecord) -> bool:
    """Escape a message for the terminal: it may have the address of a link on another site."""
    record.msg, record.args = printable(record.getMessage()).replace("\n", "\\n"), ()
    return True


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with contextlib.ExitStack() as on_error:
        try:
            bound = on_error.enter_context(socket.socket(family))
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind((settings.host, settings.port))
            bound.listen()  # a client may connect before uvicorn is ready to accept
        except (OSError, UnicodeError) as error:
            raise EtbenchError(_bind_fault(settings, error), stage="ui") from error
        on_error.pop_all()
    return bound


def _bind_fault(settings: Settings, error: OSError | UnicodeError) -> str:
    """Return what is wrong with the port, or else with the host."""
    if isinstance(error, OSError) and error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EPERM):
        return f"--port {settings.port}: {error.strerror}; use another port, or 0 for a free one"
    what = error.strerror if isinstance(error, OSError) else "not a host name"
    return f"--host {settings.host}: {what}; use an address of this machine, such as 127.0.0.1"


def _address(settings: Settings, port: int) -> str:
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(settings.host, settings.host)
    token = f"/?token={quote(settings.token)}" if settings.token else ""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{token}"


def _lifespan(jobs: Jobs, address: str, settings: Settings) -> Lifespan:
    """Print the address of the page, run the queue, and close it at the end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with outliving_the_reader():
            print(f"etbench is running at {address} (press Ctrl-C to stop)", flush=True)
        with _for_browser(address, secret=settings.token is not None) as opened:
            if settings.browser:
                webbrowser.open(opened)
            driving = asyncio.create_task(jobs.drive())
            yield
            driving.cancel()
            await jobs.close()

    return lifespan


@contextlib.contextmanager
def _for_browser(address: str, *, secret: bool) -> Iterator[str]:
    """Provide the address to call a browser with.

    One with a token is written to a file that only this user can read, and that leads on to it: other users
    can read the arguments of the browser in the list of processes.
    """
    if not secret:
        yield address
        return
    with tempfile.NamedTemporaryFile("w", prefix="etbench-ui-", suffix=".html", encoding="utf-8") as file:
        file.write(ONWARD.format(html(address)))
        file.flush()
        yield Path(file.name).as_uri()
