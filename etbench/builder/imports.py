"""Read from a module's text which modules it may import."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from functools import cache
from importlib.util import resolve_name
from pathlib import Path

__all__ = ["imported_by"]

# Functions that import by a name that is only known when they are called.
BY_NAME = frozenset(
    (
        *("__import__", "import_module", "exec_module", "load_module", "spec_from_file_location"),
        *("run_path", "run_module", "iter_modules", "walk_packages", "entry_points", "exec"),
        *("locate", "get_class", "get_method", "get_object", "instantiate"),  # of pydoc and Hydra
    )
)


def imported_by(path: str, name: str) -> frozenset[str] | None:
    """Return the names that a module imports at any depth of its text, with each name in a `from` import.

    Args:
        path: its file.
        name: its dotted name.

    Returns:
        None if it may import by other names: if it calls a function that does, or has no text.

    """
    try:
        status = Path(path).stat()
        return _imported_by(path, name, status.st_size, status.st_mtime_ns)
    except (OSError, SyntaxError, ValueError):
        return None


@cache
def _imported_by(path: str, name: str, _size: int, _mtime_ns: int) -> frozenset[str] | None:
    tree = ast.parse(Path(path).read_bytes())
    package = name if Path(path).stem == "__init__" else name.rpartition(".")[0]
    used = {getattr(node, "id", "") or getattr(node, "attr", "") for node in ast.walk(tree)}
    if used & BY_NAME:
        return None
    return frozenset(_names(tree, package))


def _names(tree: ast.AST, package: str) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            source = resolve_name(source, package) if node.level else source
            yield source
            yield from (f"{source}.{alias.name}" for alias in node.names)
