"""Where results lie: the columns `sweep` and `file` of a frame."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from etbench.text import path_text

__all__ = ["file_texts", "sweep_names"]


def file_texts(files: Sequence[Path]) -> list[str]:
    """Return the paths as texts that any table can hold."""
    return [path_text(path) for path in files]


def sweep_names(files: Sequence[Path]) -> list[str]:
    """Return the folder of each file, below the one that all files are in, or the name of that one.

    >>> sweep_names([Path("runs/base/a.json"), Path("runs/new/a.json")])
    ['base', 'new']
    >>> sweep_names([Path("runs/base/a.json"), Path("runs/base/b.json")])
    ['base', 'base']
    """
    if not files:
        return []
    folders = [os.path.abspath(path.parent) for path in files]  # noqa: PTH100 - `resolve` follows links
    shared = os.path.commonpath(folders)
    return [path_text(os.path.relpath(one, shared) if one != shared else Path(one).name) for one in folders]
