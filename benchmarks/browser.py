"""The web page as a user sees it: a server for some folders, and Chromium."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, sync_playwright

CHROMIUM = "/usr/bin/chromium"
ARGUMENTS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking"]


@contextmanager
def serving(*results: Path, cwd: Path | None = None) -> Iterator[tuple[str, int]]:
    """Serve the page of these folders; yield its address and its process id."""
    folders = [word for folder in results for word in ("--results", str(folder))]
    command = [sys.executable, "-m", "etbench", "ui", "--port", "0", "--no-browser", *folders]
    process = subprocess.Popen(command, cwd=cwd, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = re.search(r"http://\S+", process.stdout.readline())
        assert found, "the server did not start"
        yield found[0], process.pid
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@contextmanager
def chromium() -> Iterator[Browser]:
    """Start the Chromium of this system."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield browser
        browser.close()
