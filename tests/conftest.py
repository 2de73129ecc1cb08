"""What tests share: the cache, the native runner, a browser, and folders that must be clean afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from playwright.sync_api import Browser, sync_playwright

from etbench.compose import compose
from etbench.native import compile_runner
from etbench.workspace import workspace

CHROMIUM = "/usr/bin/chromium"  # playwright's package has none; without it the tests that need it fail
CHROMIUM_ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

settings.register_profile("no clock", deadline=None, derandomize=True)  # these machines are shared
settings.load_profile("no clock")


@pytest.fixture(scope="session", autouse=True)
def _programs_built_by_these_tests(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One artifact cache for all tests of a session, so that a program is built once."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ETBENCH_CACHE", str(folder))
        (locks := folder / "locks").mkdir()  # two processes of xdist would wait for each other's rounds
        patch.setenv("ETBENCH_LOCKS", str(locks))
        yield folder
    with workspace(folder / "work") as last:  # removes what the tests with kill -9 have left
        assert list((folder / "work").iterdir()) == [last], "temporary files of a living process"


@pytest.fixture(scope="session")
def runner(_programs_built_by_these_tests: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native runner, compiled for real, where the cells of the same session find it too."""
    scratch = tmp_path_factory.mktemp("compiled")
    folder = _programs_built_by_these_tests / "native"
    compilers = compose(["runner=native"]).runner.compilers
    return compile_runner(folder, compilers, scratch=scratch, log=scratch / "log", on_wait=lambda: None)


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder for etbench's own files, which must be empty when the test ends."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir()), "temporary files were left behind"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium while the tests of a module run: no other event loop can run in the same thread meanwhile."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=CHROMIUM_ARGUMENTS, timeout=180_000
        )
        yield browser
        browser.close()
