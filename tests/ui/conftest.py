"""A real server on a free port, and pages of it in a real browser."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from support import CONF, TESTS, environment

expect.set_options(timeout=30_000)  # these machines are shared

SAMPLE = TESTS.parent / "outputs" / "sample_sweep"
TOKEN = "correct horse battery staple"


@dataclass(frozen=True)
class Server:
    """A running server: its address, the token included if it has one, and its folders."""

    address: str
    results: Path
    sample: Path
    cwd: Path
    process: subprocess.Popen[str]

    @property
    def port(self) -> int:
        return int(re.search(r":(\d+)", self.address)[1])


@contextmanager
def started(folder: Path, *arguments: str, **env: str) -> Iterator[Server]:
    """Start `python -m etbench.ui` and wait for its address."""
    results, sample = folder / "results", folder / "sample"
    shutil.copytree(SAMPLE, sample)
    command = [sys.executable, "-m", "etbench.ui", "--port", "0", "--no-browser", "--config-dir", str(CONF)]
    process = subprocess.Popen(
        [*command, "--results", str(results), "--results", str(sample), *arguments],
        cwd=folder,
        env=environment(**env),
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, line
        yield Server(found[0], results, sample, folder, process)
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


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
        page.set_default_timeout(30_000)
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
