"""The git commit that a run belongs to."""

from __future__ import annotations

import os
import subprocess
from functools import cache

__all__ = ["read_revision"]

TIMEOUT_S = 5.0  # a repository on a slow disk may take longer; the run does not wait for it
STATUS = ("git", "status", "--porcelain=v2", "--branch", "--untracked-files=no", "--ignore-submodules")


@cache
def read_revision() -> tuple[str | None, bool | None]:
    """Return the commit of the working directory, and whether tracked files differ from it.

    Read once per process, at the first call: the process runs the code as it was then. Both are None outside
    a repository, without git, and if git does not answer.
    """
    try:
        asked = subprocess.run(
            STATUS,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            errors="replace",
            timeout=TIMEOUT_S,
            check=True,
            env=os.environ | {"GIT_OPTIONAL_LOCKS": "0"},  # does not block other git commands
        )
    except (OSError, subprocess.SubprocessError):
        return None, None
    return _parse(asked.stdout)


def _parse(status: str) -> tuple[str | None, bool | None]:
    headers = dict(line[2:].split(" ", 1) for line in status.splitlines() if line.startswith("# "))
    commit = headers.get("branch.oid", "(initial)")
    if commit == "(initial)":  # a repository without a commit
        return None, None
    return commit, any(not line.startswith("#") for line in status.splitlines())
