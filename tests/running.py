"""etbench as a user runs it, in a process of its own; and programs that are built in this one."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import chdir, contextmanager, redirect_stderr
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from etbench.results.schema import Result

TESTS = Path(__file__).parent
CONF = TESTS / "conf"

# For cells whose times no test looks at: one process of a few inferences, no report, one builder.
BRIEF = ("repeat=quick", "passes.load=1", "report.enabled=false", "sweep.builders=1")


@dataclass(frozen=True)
class Sweep:
    """A finished sweep: what it printed, where it lies, its results by (model, precision, delegate)."""

    process: subprocess.CompletedProcess[str]
    folder: Path
    results: dict[tuple[str, str, str], Result]
    scratch: Path


def environment(**more: str) -> dict[str, str]:
    """The environment of a child that can import this module."""
    return os.environ | {"PYTHONPATH": str(TESTS), "COLUMNS": "200"} | more


def etbench(*arguments: str, cwd: Path, timeout: float = 600, **env: str) -> subprocess.CompletedProcess[str]:
    """Run `python -m etbench` as a user would."""
    return subprocess.run(
        [sys.executable, "-m", "etbench", *arguments],
        cwd=cwd,
        env=environment(**env),
        capture_output=True,
        text=True,
        timeout=timeout,
    )


def status_of(*arguments: str) -> int | str | None:
    """Call the program in this process and return its exit status, also if argparse ends it."""
    from etbench.cli.main import main

    try:
        return main(arguments)
    except SystemExit as end:
        return end.code


def refusal_of(*arguments: str, cwd: Path) -> str:
    """Call the program in this process with a command line that it refuses; return what it says."""
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    said = io.StringIO()
    try:
        with chdir(cwd), redirect_stderr(said):
            status = status_of(*arguments)
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert status == 2, said.getvalue()
    return said.getvalue()


@contextmanager
def started_etbench(*arguments: str, cwd: Path, **env: str) -> Iterator[subprocess.Popen[str]]:
    """Start `python -m etbench` as from a terminal; it is killed if the test ends before it."""
    # A shell starts background jobs with Ctrl-C ignored; the tests may run in one, and children inherit it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    process = subprocess.Popen(
        [sys.executable, "-m", "etbench", *arguments],
        cwd=cwd,
        env=environment(**env),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    signal.signal(signal.SIGINT, before)
    with process:
        try:
            yield process
        finally:
            process.kill()


def build_here(folder: Path, *overrides: str) -> Any:
    """Build a cell's program in this process, quicker than in one of its own; return the artifact."""
    import warnings

    from etbench.builder import upstream

    upstream.apply()  # before what imports executorch, as in a builder
    from etbench.builder.pipeline import build_artifact, prepare
    from etbench.builder.ready import adopt
    from etbench.events import Stages
    from etbench.preflight.compose import compose

    folder.mkdir(exist_ok=True)
    recipe, stages = compose(overrides, config_dir=CONF).recipe, Stages(lambda _: None)
    with warnings.catch_warnings(action="ignore"):  # of the libraries, as in a builder
        if recipe.model.ready:
            return adopt(recipe, folder, stages)
        return build_artifact(recipe, prepare(recipe, stages), folder, stages)
