"""Small projects of a user, written by tests: modules that are imported, and taken back afterwards."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from etbench.builder import recording

__all__ = ["Files", "importable", "write_files"]

Files = dict[str, str]


def write_files(folder: Path, files: Files) -> Path:
    """Write files by their paths and return the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder


@contextmanager
def importable(*folders: Path, work: Path) -> Iterator[pytest.MonkeyPatch]:
    """Import from these folders, with `work` as the working folder; forget what was imported at the end.

    Only the folder `tmp` in it counts as one for temporary files.
    """
    before = set(sys.modules)
    (work / "tmp").mkdir(exist_ok=True)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(work / "tmp"))
        patch.setattr(sys, "dont_write_bytecode", True)  # whose times have whole seconds, too few for a test
        patch.setattr(sys, "path", [*map(str, folders), *sys.path])
        patch.chdir(work)
        recording._others_folders.cache_clear()
        try:
            yield patch
        finally:
            for name in set(sys.modules) - before:
                if str(getattr(sys.modules[name], "__file__", None) or "").startswith(str(work.parent)):
                    del sys.modules[name]
            recording._others_folders.cache_clear()
