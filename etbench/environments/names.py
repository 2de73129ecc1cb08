"""The interpreters that a configuration names: by the name of a managed environment, or by a path."""

from __future__ import annotations

import os
import re
import sys
from contextlib import suppress
from pathlib import Path

from etbench.errors import EtbenchError, nearest
from etbench.system.cache_folder import cache_folder

__all__ = ["COMPLETE", "NAME", "environments_folder", "interpreter", "managed_names", "python_in"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
COMPLETE = "environment.json"  # written last: an environment without it is incomplete
IN_FOLDER = ("Scripts/python.exe",) if sys.platform == "win32" else ("bin/python", "bin/python3")


def environments_folder() -> Path:
    """Return the folder of the managed environments."""
    return cache_folder() / "environments"


def managed_names() -> list[str]:
    """Return the names of the managed environments that are complete."""
    return sorted(file.parent.name for file in environments_folder().glob(f"*/{COMPLETE}"))


def interpreter(text: str) -> str:
    """Return the program of an interpreter.

    Args:
        text: the name of a managed environment; or with a separator, such as ``./venv``, the path of a
            virtual environment or of a program.

    Raises:
        EtbenchError: of stage ``env`` if there is none.

    """
    if not any(separator in text for separator in (os.sep, os.altsep) if separator):
        return _managed(text)
    path = Path(text).expanduser()
    if path.is_dir():
        return python_in(path)
    if not path.is_file() or not os.access(path, os.X_OK):
        raise EtbenchError(f"{text}: no such interpreter", stage="env", hint="give a folder or a program")
    return str(path.absolute())


def python_in(folder: Path) -> str:
    """Return the program of the interpreter of a virtual environment.

    Raises:
        EtbenchError: of stage ``env`` if it has none.

    """
    for name in IN_FOLDER:
        if (folder / name).is_file():
            return str((folder / name).absolute())
    raise EtbenchError(f"{folder}: not a virtual environment: it has no {IN_FOLDER[0]}", stage="env")


def _managed(name: str) -> str:
    known = managed_names()
    if name not in known:
        there = f"; there are: {', '.join(known)}" if known else "; there are none"
        path = f" (./{name} for the one in this folder)" if Path(name).exists() else ""
        raise EtbenchError(
            f"{name}: no such environment{nearest(name, known)}{there}; make it with "
            f"`etbench env create {_requirement(name)}`, or give the path of an interpreter{path}",
            stage="env",
        )
    folder = environments_folder() / name
    with suppress(OSError):
        os.utime(folder / COMPLETE)  # used now
    return python_in(folder)


def _requirement(name: str) -> str:
    """Return what an environment of this name would be made of: ``executorch==1.4.1`` for its name."""
    package, dash, version = name.rpartition("-")
    return f"{package}=={version}" if dash and version[:1].isdigit() else name
