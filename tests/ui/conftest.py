"""A real server on a free port, and pages of it in a real browser."""

from __future__ import annotations

import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import Server, started
from filelock import FileLock
from made_results import make_result
from playwright.sync_api import Browser, Page, expect
from running import CONF

from etbench.ui.choices import Choices

__all__ = ["make_result"]

expect.set_options(timeout=180_000)  # these machines are shared


@pytest.fixture(scope="session")
def choices_file() -> Path:
    """The pickled choices of `tests/conf`, which the first process of xdist composes for all."""
    file = Path(os.environ["XDG_STATE_HOME"], "choices")
    with FileLock(f"{file}.lock"):
        if not file.exists():
            file.write_bytes(pickle.dumps(Choices(CONF)))
    return file


@pytest.fixture(scope="module")
def choices(choices_file: Path) -> Choices:
    """The choices of `tests/conf`."""
    chosen: Choices = pickle.loads(choices_file.read_bytes())
    return chosen


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with started(tmp_path_factory.mktemp("ui")) as server:
        yield server


@pytest.fixture
def open_tab(browser: Browser, server: Server) -> Iterator[Callable[..., Page]]:
    """Open a tab of the page; the test fails if the browser asks another host or reports an error."""
    noise: list[str] = []
    contexts = []

    def opened(path: str = "/", *, width: int = 1280, **more: Any) -> Page:
        context = browser.new_context(viewport={"width": width, "height": 900}, **more)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(180_000)
        page.on("pageerror", lambda error: noise.append(f"error: {error}"))
        page.on("console", lambda message: message.type == "error" and noise.append(message.text))
        page.on("request", lambda asked: _own(asked.url, server) or noise.append(f"request: {asked.url}"))
        page.goto(f"{server.address.rstrip('/')}{path}")
        page.wait_for_selector("main h2")
        return page

    yield opened
    for context in contexts:
        context.close()
    assert noise == []


def _own(url: str, server: Server) -> bool:
    return f"127.0.0.1:{server.port}/" in url or url.startswith(("data:", "blob:"))
