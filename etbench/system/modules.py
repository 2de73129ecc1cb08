"""Find the files of modules by name, without importing them."""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import threading
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path
from typing import Any

__all__ = ["Module", "absolute", "find_module", "import_folders", "import_path", "locate", "look_again"]

_looking = threading.Lock()
USUAL: tuple[object, ...] = (BuiltinImporter, FrozenImporter, PathFinder)


@dataclass(frozen=True)
class Module:
    """A module that was found.

    Args:
        name: with dots.
        file: None for a namespace package and for a module that is built into Python.
        folders: of its submodules; empty if it is not a package.

    """

    name: str
    file: Path | None
    folders: list[str]


def import_path() -> list[str]:
    """Return the folders that a child of this process imports from: the working folder comes first."""
    return list(dict.fromkeys([str(Path.cwd()), *map(absolute, filter(None, sys.path))]))


def look_again() -> None:
    """Find modules in folders that did not exist at the last look, too; from any thread.

    `importlib.invalidate_caches` of two threads at once may raise a KeyError: each deletes what the other one
    has deleted already (CPython 3.11).
    """
    with _looking:
        importlib.invalidate_caches()


def absolute(path: str) -> str:
    """Return an absolute path without ``..``; links are not followed, so that it stays in its folder."""
    return os.path.abspath(path)  # noqa: PTH100


def locate(name: str, path: Sequence[str]) -> tuple[Module | None, list[str]]:
    """Return the longest part of a dotted name that is a module, and the rest of its parts.

    Args:
        name: with dots.
        path: from `import_path`. Finders such as those of editable installs are asked too.

    """
    parts, folders, found = name.split("."), list(path), None
    for depth in range(1, len(parts) + 1):
        module = _found(".".join(parts[:depth]), folders, top=depth == 1)
        if module is None:
            return found, parts[depth - 1 :]
        found, folders = module, module.folders
    return found, []


def find_module(name: str, path: Sequence[str]) -> Path | None:
    """Return the file of a module; None if there is none, as for a namespace package; see `locate`."""
    module, rest = locate(name, path)
    return module.file if module is not None and not rest else None


def import_folders(top: str, path: Sequence[str]) -> list[Path]:
    """Return the folders that a top-level module is in; a namespace package may be in several."""
    module = _found(top, list(path), top=True)
    if module is None:
        return []
    if module.folders:
        return [Path(folder).parent for folder in module.folders]
    return [module.file.parent] if module.file else []


def _found(name: str, folders: Iterable[str], *, top: bool) -> Module | None:
    """Find a module in folders and, if it is a top-level one, everywhere else.

    The finders of Python itself are not used for the folders, since they look for a nested namespace package
    in the imported one that contains it.
    """
    portions: list[str] = []
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        spec = finder.find_spec(name) if finder is not None else None
        if spec is not None and spec.loader is not None:
            return _module(spec)
        portions += (spec.submodule_search_locations or []) if spec is not None else []
    others: list[Any] = [
        *(other for other in sys.meta_path if other not in USUAL),
        BuiltinImporter,
        FrozenImporter,
    ]
    for other in others if top else ():
        with suppress(Exception):  # of other packages
            spec = other.find_spec(name, None)
            if spec is not None:
                return _module(spec)
    return Module(name, None, portions) if portions else None


def _module(spec: ModuleSpec) -> Module:
    file = Path(spec.origin) if spec.origin and spec.has_location else None
    return Module(spec.name, file, list(spec.submodule_search_locations or []))
