"""The server of the page: NiceGUI behind the `Guard`, on its own socket."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import webbrowser
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from nicegui import ui

from etbench.ui.choices import Choices
from etbench.ui.external_runs import ExternalRuns
from etbench.ui.jobs import Jobs
from etbench.ui.library import Library
from etbench.ui.security import Guard, names_of

__all__ = ["Settings", "serve"]

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


def serve(settings: Settings, add_pages: Callable[[Jobs, ExternalRuns, Library], None]) -> None:
    """Serve the page until Ctrl-C.

    Args:
        settings: the options of the command line.
        add_pages: adds the pages to the server.

    Raises:
        OSError: if the port is taken.
        ConfigError: if the groups cannot be composed.

    """
    with _bound(settings) as bound:
        port = bound.getsockname()[1]
        jobs = Jobs(Choices(settings.config_dir), settings.results[0])
        address = _address(settings, port)
        app = FastAPI(lifespan=_lifespan(jobs, address, browser=settings.browser), openapi_url=None)
        external = ExternalRuns(settings.results)
        external.look()
        add_pages(jobs, external, Library(settings.results))
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
        guard = Guard(app, names_of(settings.host, port), settings.token)
        config = uvicorn.Config(guard, log_level="warning", ws="wsproto", server_header=False)
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])


def _bound(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    bound = socket.socket(family)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((settings.host, settings.port))
        bound.listen()  # a client may connect before uvicorn is ready to accept
    except OSError:
        bound.close()
        raise
    return bound


def _address(settings: Settings, port: int) -> str:
    host = {"0.0.0.0": socket.gethostname(), "::": socket.gethostname()}.get(settings.host, settings.host)
    token = f"/?token={settings.token}" if settings.token else ""
    return f"http://{f'[{host}]' if ':' in host else host}:{port}{token}"


def _lifespan(jobs: Jobs, address: str, *, browser: bool) -> Lifespan:
    """Print the address of the page, run the queue, and close it at the end."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        print(f"etbench is running at {address} (press Ctrl-C to stop)", flush=True)
        if browser:
            webbrowser.open(address)
        driving = asyncio.create_task(jobs.drive())
        yield
        driving.cancel()
        await jobs.close()

    return lifespan
