"""ExecuTorch's libraries for arm64, which no test downloads: whoever runs the tests has fetched them."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs
import pytest
from tools import REQUIRE

from etbench.native.libraries import fetch_command, kept_libraries

__all__ = ["need_libraries"]

FOLDER = "ETBENCH_ARM64_LIBRARIES"  # environment variable: the folder that `etbench env create` printed


def need_libraries() -> Path:
    """Return their folder; skip the test, or fail it where all tools are required, if there is none."""
    usual = kept_libraries("aarch64", Path(platformdirs.user_cache_dir("etbench")) / "native")
    folder = Path(os.environ.get(FOLDER, usual))
    if (folder / "lib").is_dir():
        return folder
    reason = f"there are no libraries for arm64: run {fetch_command('aarch64')}, or set {FOLDER}"
    if os.environ.get(REQUIRE, "") not in ("", "0"):
        pytest.fail(f"{reason}, and {REQUIRE} is set", pytrace=False)
    pytest.skip(reason)
