"""A real server of the page, and what a user does on it."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect
from running import CONF, TESTS, environment

SAMPLE = TESTS.parent / "outputs" / "sample_sweep"


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
    """Start `etbench ui` and wait for its address."""
    results, sample = folder / "results", folder / "sample"
    shutil.copytree(SAMPLE, sample, dirs_exist_ok=True, ignore=shutil.ignore_patterns(".etbench"))
    command = [
        sys.executable,
        "-m",
        "etbench",
        "ui",
        "--port",
        "0",
        *([] if "BROWSER" in env else ["--no-browser"]),
        "--config-dir",
        str(CONF),
    ]
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
        process.communicate(timeout=300)


def tick(page: Page, group: str, *names: str) -> None:
    """Leave only these options of a group ticked; the server answers each click before the next one."""
    inside = page.get_by_role("group", name=group, exact=True)
    for name in names:
        box = inside.get_by_role("checkbox", name=name, exact=True)
        if not box.is_checked():
            box.click()
        expect(box).to_be_checked()
    for name in inside.get_by_role("checkbox", checked=True).all_inner_texts():
        if name not in names:
            box = inside.get_by_role("checkbox", name=name, exact=True)
            box.click()
            expect(box).not_to_be_checked()


def choose(page: Page, model: str, precision: str = "fp32", delegate: str = "portable") -> None:
    tick(page, "Model", model)
    tick(page, "Delegate", delegate)
    tick(page, "Precision", precision)


def card(page: Page, title: str) -> Any:
    return page.locator(".eb-card").filter(has=page.get_by_role("heading", name=title, exact=True))
