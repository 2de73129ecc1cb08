"""The site of docs/: it builds without a broken link; in a browser it is searched and asks nobody else."""

from __future__ import annotations

import http.server
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from running import TESTS

ROOT = TESTS.parent
OWN = ("data:", "blob:")
STILL = "*, *::before, *::after { transition: none !important; animation: none !important }"


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the site, built strictly from a copy."""
    folder = tmp_path_factory.mktemp("docs")
    shutil.copytree(ROOT / "docs", folder / "docs")
    shutil.copy(ROOT / "zensical.toml", folder)
    command = [sys.executable, "-m", "zensical", "build", "--strict"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "site"


@pytest.fixture
def address(site: Path) -> Iterator[str]:
    """The address at which the site is served."""
    handler = partial(_Quiet, directory=str(site))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


def test_every_page_is_built_and_every_block_of_code_is_one(site: Path) -> None:
    for source in (ROOT / "docs").rglob("*.md"):
        name = source.relative_to(ROOT / "docs").with_suffix("")
        page = site / ("index.html" if name.as_posix() == "index" else f"{name}/index.html")
        assert "```" not in page.read_text(encoding="utf-8"), name
    assert not list(site.rglob("*.py*"))


@pytest.mark.needs("chromium")
def test_the_site_is_searched_and_read_on_a_phone_and_asks_nobody_else(address: str, browser: Any) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 844}, color_scheme="dark")
    page, noise = context.new_page(), []
    page.set_default_timeout(180_000)
    page.on("request", lambda asked: asked.url.startswith((address, *OWN)) or noise.append(asked.url))
    page.on("console", lambda message: message.type == "error" and noise.append(message.text))
    page.on("pageerror", lambda error: noise.append(str(error)))
    for name in ("guides/choosing", "reference/exit_statuses"):  # the one has a table that is too wide
        page.goto(f"{address}{name}/")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("document.body.dataset.mdColorScheme") == "slate"
        page.add_style_tag(content=STILL)
        page.wait_for_function(
            "document.querySelectorAll('.md-typeset__scrollwrap:not([tabindex])').length == 0"
        )
        found = Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in ("serious", "critical")] == []
    page.locator("label[for=__search]").first.click()
    page.get_by_role("combobox", name="Search").fill("group_size")
    page.get_by_role("option").filter(has_text="Keys of precision").click()
    page.wait_for_url(re.compile("reference/options/.*#keys-of-precision"), wait_until="commit")
    context.close()
    assert noise == []
