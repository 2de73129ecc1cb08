"""Another interpreter, made in milliseconds: a virtual environment with the packages of this one."""

from __future__ import annotations

import sys
import venv
from collections.abc import Iterable
from pathlib import Path

__all__ = ["INSTALLED", "other_python"]

INSTALLED = [folder for folder in sys.path if folder.endswith("site-packages")]


def other_python(folder: Path, packages: Iterable[str] = INSTALLED) -> Path:
    """Make a virtual environment that imports from these folders, and return its folder.

    It has no etbench, unless one of them does.
    """
    venv.EnvBuilder(symlinks=True).create(folder)
    (site,) = folder.glob("lib/python*/site-packages")
    (site / "shared.pth").write_text("".join(f"{line}\n" for line in packages))
    return folder
