"""The commands that make a virtual environment and install packages in it: of uv, or of venv and pip."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

__all__ = ["install_command", "make_command"]

# Settings of pip that uv does not read, with the option of uv; the last part of the setting's name counts.
SETTINGS = {
    "find-links": "--find-links",
    "index-url": "--default-index",
    "extra-index-url": "--index",
    "constraint": "--constraint",
}


def make_command(folder: Path) -> list[str]:
    """Return the command that makes an environment for the Python version of this interpreter."""
    if uv := shutil.which("uv"):
        return [uv, "venv", "--quiet", "--allow-existing", "--seed", "--python", sys.executable, str(folder)]
    return [sys.executable, "-m", "venv", str(folder)]


def install_command(python: str, requirements: Sequence[str]) -> list[str]:
    """Return the command that installs requirements for an interpreter, and compiles their code.

    Without compiled code, each spawned round would compile what it imports.
    """
    if uv := shutil.which("uv"):
        options = [
            word for option, values in _settings_of_pip() for value in values for word in (option, value)
        ]
        if "--index" in options:  # pip takes the best version of all indexes, uv the one of the first index
            options += ["--index-strategy", "unsafe-best-match"]
        return [uv, "pip", "install", "--compile-bytecode", "--python", python, *options, *requirements]
    return [python, "-m", "pip", "install", "--disable-pip-version-check", *requirements]


def _settings_of_pip() -> list[tuple[str, list[str]]]:
    """Return the user's settings of pip as options of uv."""
    done = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], capture_output=True, text=True, errors="replace"
    )
    found = []
    for line in done.stdout.splitlines():
        key, _, value = line.partition("=")
        option = SETTINGS.get(key.rpartition(".")[2])
        if option:
            found.append((option, value.strip("'\"").split()))
    return found
