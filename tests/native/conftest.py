"""The native runner, compiled for real, once a session."""

from __future__ import annotations

from pathlib import Path

import pytest

from etbench.compose import compose
from etbench.native import compile_runner


@pytest.fixture(scope="session")
def runner(_programs_built_by_these_tests: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its executable, where the cells of the same session find it too."""
    scratch = tmp_path_factory.mktemp("compiled")
    folder = _programs_built_by_these_tests / "native"
    compilers = compose(["runner=native"]).runner.compilers
    return compile_runner(folder, compilers, scratch=scratch, log=scratch / "log", on_wait=lambda: None)
