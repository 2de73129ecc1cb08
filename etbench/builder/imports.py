"""Read from a module's text which modules it may import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

__all__ = ["Imports", "imports_of"]

# Functions that import by a name that is only known when they are called.
BY_NAME = frozenset(
    (
        *("__import__", "import_module", "exec_module", "load_module", "spec_from_file_location"),
        *("run_path", "run_module", "iter_modules", "walk_packages", "entry_points", "exec"),
        *("locate", "get_class", "get_method", "get_object", "instantiate"),  # of pydoc and Hydra
    )
)


@dataclass(frozen=True)
class Imports:
    """What a module may import: the names in its text, and whether it may import by other names too."""

    names: frozenset[str] = frozenset()
    others: bool = False


def imports_of(path: str, name: str) -> Imports:
    """Return what a module imports at any depth of its text, with each name in a `from` import.

    Args:
        path: its file; one without text may import anything.
        name: its dotted name.

    """
    try:
        status = Path(path).stat()
        return _imports_of(path, name, status.st_size, status.st_mtime_ns)
    except (OSError, SyntaxError, ValueError):
        return Imports(others=True)


@cache
def _imports_of(path: str, name: str, _size: int, _mtime_ns: int) -> Imports:
    tree = ast.parse(Path(path).read_bytes())
    package = name if Path(path).stem == "__init__" else name.rpartition(".")[0]
    used = {getattr(node, "id", "") or getattr(node, "attr", "") for node in ast.walk(tree)}
    return Imports(frozenset(_names(tree, package)), bool(used & BY_NAME))


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            source = resolve_name(source, package) if node.level else source
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
