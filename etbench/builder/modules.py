"""Find the files of modules by name, without importing them."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Iterable, Sequence
from contextlib import suppress
from importlib.machinery import BuiltinImporter, FrozenImporter, ModuleSpec, PathFinder
from pathlib import Path

__all__ = ["absolute", "find_module", "import_folders", "import_path"]

USUAL: tuple[object, ...] = (BuiltinImporter, FrozenImporter, PathFinder)


def import_path() -> list[str]:
    """Return the folders that a child of this process imports from: the working folder comes first."""
    return list(dict.fromkeys([str(Path.cwd()), *map(absolute, filter(None, sys.path))]))


def absolute(path: str) -> str:
    """Return an absolute path without ``..``; links are not followed, so that it stays in its folder."""
    return os.path.abspath(path)  # noqa: PTH100


def find_module(name: str, path: Sequence[str]) -> Path | None:
    """Return the file of a module; None if there is none, as for a namespace package.

    Args:
        name: with dots.
        path: from `import_path`. Finders such as those of editable installs are asked too.

    """
    parts, folders = name.split("."), list(path)
    for depth in range(1, len(parts) + 1):
        file, folders = _found(".".join(parts[:depth]), folders, top=depth == 1)
        if file is None and not folders:
            return None
    return file


def import_folders(top: str, path: Sequence[str]) -> list[Path]:
    """Return the folders that a top-level module is in; a namespace package may be in several."""
    file, inside = _found(top, list(path), top=True)
    if inside:
        return [Path(folder).parent for folder in inside]
    return [file.parent] if file else []


def _found(name: str, folders: Iterable[str], *, top: bool) -> tuple[Path | None, list[str]]:
    """Return the file of a module and the folders of its submodules.

    The finders of Python itself are not used, since they look for a nested namespace package in the imported
    one that contains it.
    """
    portions: list[str] = []
    for folder in folders:
        finder = pkgutil.get_importer(folder)
        spec = finder.find_spec(name) if finder is not None else None
        if spec is not None and spec.loader is not None:
            return _places(spec)
        portions += (spec.submodule_search_locations or []) if spec is not None else []
    for other in sys.meta_path if top else ():
        if other not in USUAL:
            with suppress(Exception):  # of other packages
                spec = other.find_spec(name, None)
                if spec is not None:
                    return _places(spec)
    return None, portions


def _places(spec: ModuleSpec) -> tuple[Path | None, list[str]]:
    file = Path(spec.origin) if spec.origin and spec.has_location else None
    return file, list(spec.submodule_search_locations or [])
