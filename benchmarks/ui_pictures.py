"""Take the pictures of the four tabs for README and docs: the sample sweep, and a model measured twice.

python benchmarks/ui_pictures.py --to docs/images
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from browser import chromium, serving
from playwright.sync_api import Page, expect

SAMPLE = Path(__file__).resolve().parent.parent / "outputs" / "sample_sweep"
WIDTH = 1280
BUILT_MS = 600_000  # the programs are built by then


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--to", type=Path, default=Path("docs/images"))
    parser.add_argument("--tabs", nargs="*", default=["run", "compare", "inspect", "doctor"])
    args = parser.parse_args()
    takes = {"run": _run, "compare": _compare, "inspect": _inspect, "doctor": _doctor}
    with (
        tempfile.TemporaryDirectory(prefix="pictures-") as name,
        serving(Path("outputs"), SAMPLE, cwd=Path(name)) as (address, _),
        chromium() as browser,
    ):
        for tab in args.tabs:
            page = browser.new_page(color_scheme="light")
            height = takes[tab](page, address)
            page.set_viewport_size({"width": WIDTH, "height": height})
            page.evaluate("scrollTo(0, 0)")
            page.wait_for_timeout(1_000)  # animations have ended
            page.screenshot(path=args.to / f"ui_{tab}.png")
            page.close()


def _run(page: Page, address: str) -> int:
    """Show one finished run and one that is being timed."""
    page.goto(address)
    page.get_by_role("button", name="Start").click()
    first = page.locator(".eb-card").filter(has=page.get_by_role("heading", name="Run 1", exact=True))
    expect(first.get_by_text("2 of 2 cells")).to_be_visible(timeout=BUILT_MS)
    page.get_by_label("Repeats").fill("1000")
    page.get_by_role("button", name="Start").click()
    second = page.locator(".eb-card").filter(has=page.get_by_role("heading", name="Run 2", exact=True))
    expect(second.get_by_role("img", name="round medians")).to_have_count(2, timeout=BUILT_MS)
    page.wait_for_timeout(1_500)  # some more rounds
    return 1000


def _compare(page: Page, address: str) -> int:
    page.goto(f"{address}/compare")
    page.get_by_text("28 measured cells").wait_for()
    page.locator(".eb-figure svg").nth(3).wait_for()
    return 860


def _inspect(page: Page, address: str) -> int:
    page.goto(f"{address}/inspect?result=sample_sweep/mobilenet_v2_int8_xnnpack.json")
    page.locator(".eb-figure svg").wait_for()
    return 860


def _doctor(page: Page, address: str) -> int:
    page.goto(f"{address}/doctor")
    page.get_by_text("vector extensions").wait_for()
    return 860


if __name__ == "__main__":
    main()
