"""What tests share: the cache, the native runner, a browser, and folders that must be clean afterwards."""

from __future__ import annotations

import gc
import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import warm
from hypothesis import settings
from tools import need

from etbench.native import compile_runner
from etbench.preflight.compose import compose
from etbench.system.workspace import workspace

if TYPE_CHECKING:
    from playwright.sync_api import Browser

CHROMIUM_ARGUMENTS = [
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]

settings.register_profile("no clock", deadline=None, derandomize=True)  # these machines are shared
settings.load_profile("no clock")


def pytest_configure(config: pytest.Config) -> None:
    """Make one artifact cache for all processes of xdist, so that each program is built once.

    The processes of xdist get COLUMNS=80, which would make the output of a test depend on how it is run.
    """
    os.environ.pop("COLUMNS", None)
    gc.set_threshold(100_000, 20, 20)  # as in a builder: a lowering makes millions of objects
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # as in a builder: spinning threads take cores
    if not hasattr(config, "workerinput"):
        os.environ["ETBENCH_CACHE"] = tempfile.mkdtemp(prefix="etbench-tests-")
        os.environ["XDG_STATE_HOME"] = tempfile.mkdtemp(prefix="etbench-tests-")  # of the key of seals
    warm.install()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the cache; its folder of builds must be empty, those of processes that were killed included."""
    warm.end()
    if hasattr(config, "workerinput"):
        return
    folder = Path(os.environ.pop("ETBENCH_CACHE"))
    shutil.rmtree(os.environ.pop("XDG_STATE_HOME"))
    with workspace(folder / "work") as last:  # removes what the tests with kill -9 have left
        left = [path for path in (folder / "work").iterdir() if path != last]
    shutil.rmtree(folder)
    if left:
        raise pytest.UsageError(f"temporary files of a process that still lives: {left}")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest, so that no process of xdist is left with one at the end."""
    long = {item.path for item in items if any(map(item.get_closest_marker, ("build", "cold", "early")))}
    items.sort(key=lambda item: item.path not in long)


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Start new interpreters for a test marked `cold`, and for the fixtures that it is the first to need."""
    warm.choose(cold=item.get_closest_marker("cold") is not None)


@pytest.fixture(scope="session", autouse=True)
def artifact_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The artifact cache of this run of the tests."""
    with pytest.MonkeyPatch.context() as patch:
        # Processes of xdist would wait for each other's rounds.
        patch.setenv("ETBENCH_LOCKS", str(tmp_path_factory.mktemp("locks")))
        yield Path(os.environ["ETBENCH_CACHE"])


@pytest.fixture(autouse=True)
def _tools(request: pytest.FixtureRequest) -> None:
    """Skip a test marked `needs` whose tools are not installed."""
    for marker in request.node.iter_markers("needs"):
        for name in marker.args:
            need(name)


@pytest.fixture(scope="session")
def runner(artifact_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The native runner, compiled for real, where the cells of the same session find it too."""
    need("compiler")
    scratch = tmp_path_factory.mktemp("compiled")
    compilers = compose(["runner=native"]).runner.compilers
    return compile_runner(
        artifact_cache / "native", compilers, scratch=scratch, log=scratch / "log", on_wait=lambda: None
    )


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Path]:
    """A temporary folder for etbench's own files, which must be empty when the test ends."""
    folder = tmp_path / "scratch"
    folder.mkdir()
    yield folder
    assert not list(folder.iterdir()), "temporary files were left behind"


@pytest.fixture
def _signals() -> Iterator[None]:
    """Give this process its handlers back, which a run takes for good."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium while the tests of a module run: no other event loop can run in the same thread meanwhile."""
    chromium = need("chromium")  # playwright's package has none
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=CHROMIUM_ARGUMENTS, timeout=180_000
        )
        yield browser
        browser.close()
