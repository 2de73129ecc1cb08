"""Takes the pictures of the report and of the web page again: `python docs/screenshots.py [report] [page]`.

Needs Chromium and, for the page, some minutes: it measures a small sweep to show it while it runs.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

DOCS = Path(__file__).parent
IMAGES = DOCS / "images"
SAMPLE = DOCS.parent / "outputs" / "sample_sweep"


def report(browser: Browser) -> None:
    """Take the first screens of the sample's report."""
    page = browser.new_page(viewport={"width": 1180, "height": 1640})
    page.goto((SAMPLE / "report.html").as_uri())
    page.wait_for_load_state("networkidle")
    page.screenshot(path=IMAGES / "report.png")
    page.close()


def web_page(browser: Browser) -> None:
    """Take Compare, Inspect and Decide of the sample, and Run with a finished sweep and one that is timed."""
    with _server() as address:
        for tab, height in (("compare", 860), ("inspect", 860)):
            page = _opened(browser, f"{address}/{tab}", height)
            page.get_by_text("Reading the results").wait_for(state="hidden", timeout=120_000)
            page.locator("svg .role-mark").first.wait_for(timeout=120_000)
            page.wait_for_timeout(2_000)  # until all charts have their final size
            page.screenshot(path=IMAGES / f"ui_{tab}.png")
            page.close()
        page = _opened(browser, f"{address}/decide", 860)
        _drag(page, "Loss of accuracy against fp32", 1.0)  # random weights have none
        _drag(page, "SQNR against eager fp32", 1 / 3)
        page.wait_for_timeout(2_000)
        page.screenshot(path=IMAGES / "ui_decide.png")
        page.close()
        page = _opened(browser, f"{address}/", 1000)
        page.get_by_text("2 cells", exact=True).wait_for()  # fp32 and int8 are ticked at first
        page.get_by_role("button", name="Start").click()
        page.get_by_text(re.compile("^finished · 2 of 2")).wait_for(timeout=600_000)
        page.get_by_label("Repeats").fill("1000")
        page.get_by_role("button", name="Start").click()
        page.get_by_text(re.compile(r"^[5-9] of \d+$")).first.wait_for(timeout=600_000)
        page.screenshot(path=IMAGES / "ui_run.png")
        page.close()


def _drag(page: Page, name: str, share: float) -> None:
    """Click a slider at a share of its width."""
    slider = page.get_by_role("slider", name=name)
    box = slider.bounding_box()
    assert box is not None
    slider.click(position={"x": max(1, share * box["width"] - 1), "y": box["height"] / 2})
    page.wait_for_timeout(1_000)


def _opened(browser: Browser, address: str, height: int) -> Page:
    page = browser.new_page(viewport={"width": 1280, "height": height})
    page.goto(address)
    page.wait_for_selector("main h2")
    return page


@contextmanager
def _server() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "etbench", "ui", "--port", "0", "--no-browser"]
        command += ["--results", "outputs", "--results", str(SAMPLE)]
        with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True) as server:
            assert server.stdout is not None
            found = re.search(r"http://[^\s/]+", server.stdout.readline())
            assert found, "the server did not start"
            try:
                yield found[0]
            finally:
                server.terminate()


def main() -> None:
    """Take the pictures named on the command line, or all."""
    wanted = sys.argv[1:] or ["report", "page"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        if "report" in wanted:
            report(browser)
        if "page" in wanted:
            web_page(browser)
        browser.close()


if __name__ == "__main__":
    main()
