"""Programs that pip does not install and some tests need; without them these tests are skipped.

`ETBENCH_REQUIRE_TOOLS=1` makes a missing one a failure instead, as in CI, which installs them all.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = ["TOOLS", "need"]

REQUIRE = "ETBENCH_REQUIRE_TOOLS"


@dataclass(frozen=True)
class Tool:
    """A program under any of several names, and the Debian package that brings it."""

    names: tuple[str, ...]
    package: str

    @property
    def path(self) -> Path | None:
        """Where it is, or None; a server often lies outside of a user's PATH."""
        search = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"])
        found = next(filter(None, (shutil.which(name, path=search) for name in self.names)), None)
        return Path(found) if found else None


TOOLS = {
    "arm64 compiler": Tool(("aarch64-linux-gnu-g++",), "g++-aarch64-linux-gnu"),
    "chromium": Tool(("chromium", "chromium-browser", "google-chrome"), "chromium"),
    "compiler": Tool(("g++", "clang++", "c++"), "g++"),
    "emulator": Tool(("qemu-aarch64",), "qemu-user"),
    "git": Tool(("git",), "git"),
    "ssh": Tool(("ssh",), "openssh-client"),
    "sshd": Tool(("sshd",), "openssh-server"),
}


def need(name: str) -> Path:
    """Return the path of a tool; skip the test, or fail it where all tools are required, if it is missing."""
    tool = TOOLS[name]
    if (path := tool.path) is not None:
        return path
    reason = f"{tool.names[0]} is not installed (apt-get install {tool.package})"
    if os.environ.get(REQUIRE, "") not in ("", "0"):
        pytest.fail(f"{reason}, and {REQUIRE} is set", pytrace=False)
    pytest.skip(reason)
