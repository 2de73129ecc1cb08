"""The order of the packages, and which imports which: read from the sources, at any depth of their text."""

from __future__ import annotations

import ast
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "HYDRA",
    "LAYERS",
    "TORCH",
    "crossings",
    "cycle",
    "hidden_modules",
    "imports_of",
    "package_graph",
]

TORCH = ("torch", "executorch", "torchao", "torchvision", "transformers")
HYDRA = ("hydra", "omegaconf")

# The packages, lowest first: each imports from those above its line only. Beside it, which of the guarded
# libraries it may import: those take seconds (torch) or mean the command line (Hydra).
LAYERS: dict[str, tuple[str, ...]] = {
    "errors": (),
    "exit_status": (),
    "text": (),
    "escaping": (),
    "redaction": (),
    "drawing": (),
    "version": (),
    "stats": (),
    "events": (),
    "system": (),
    "environments": (),
    "config": HYDRA,
    "host": (),
    "artifact": ("torch",),  # its references and the decoding of texts, not what is known of it
    "native": (),
    "runtime": ("torch", "executorch", "torchao"),
    "data": (),
    "models": TORCH,
    "precisions": TORCH,
    "delegates": TORCH,
    "calibration": ("torch",),
    "evaluate": ("torch",),
    "builder.cache": (),
    "builder": TORCH,
    "measure": (),
    "measure.passes": TORCH,
    "measure.worker": ("executorch",),  # the libraries that every pass needs, once, before it forks
    "devices": (),
    "results.schema": (),
    "results.checks": (),
    "results.files": (),
    "results.tables": (),
    "results.comparison": (),
    "results.diff": (),
    "results.graph": (),
    "results.decision": (),
    "results.analysis": (),
    "results": (),
    "results.charts": (),
    "results.report": (),
    "terminal": (),
    "preflight": HYDRA,
    "engine": (),
    "sweep": HYDRA,
    "tracking": (),
    "ui": (),
    "ui.pages": (),
    "cli": HYDRA,
}


@dataclass(frozen=True)
class Import:
    """One import of a module, by the dotted name of what is imported."""

    importer: str
    imported: str
    line: int


def modules_of(root: Path, top: str) -> dict[str, Path]:
    """Return the modules of a package in a folder, by their dotted names."""
    return {
        ".".join(path.relative_to(root).with_suffix("").parts).removesuffix(".__init__"): path
        for path in sorted((root / top).rglob("*.py"))
    }


def imports_of(root: Path, top: str) -> Iterator[Import]:
    """Yield every import of every module, at any depth of its text."""
    modules = modules_of(root, top)
    for name, path in modules.items():
        package = name if path.name == "__init__.py" else name.rpartition(".")[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(name, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                source = node.module or ""
                if node.level:
                    base = package.rsplit(".", node.level - 1)[0]
                    source = f"{base}.{source}" if source else base
                for alias in node.names:
                    whole = f"{source}.{alias.name}"
                    yield Import(name, whole if whole in modules else source, node.lineno)


def room_of(module: str, root: Path) -> str:
    """Return the package that a module is in; one that lies in the top package is a room of its own."""
    parts = module.split(".")
    if root.joinpath(*parts).is_dir() and len(parts) > 1:
        return module
    return module if len(parts) < 3 else ".".join(parts[:-1])


def crossings(
    root: Path, top: str, layers: Mapping[str, Collection[str]], *, guarded: Collection[str]
) -> list[str]:
    """Describe each import of a package that is not below, and each of a guarded library that is not allowed.

    Args:
        root: folder that the top package is in.
        top: its name; its own module, and those named ``__main__``, may import anything.
        layers: its packages, lowest first, each with the guarded libraries that it may import.
        guarded: top-level names of libraries.

    """
    order = {f"{top}.{name}": number for number, name in enumerate(layers)}
    found = set()
    for one in imports_of(root, top):
        if one.importer == top or one.importer.endswith(".__main__"):
            continue
        room, library = room_of(one.importer, root), one.imported.partition(".")[0]
        words = f"{one.importer}:{one.line} imports {one.imported}"
        if room not in order:
            found.add(f"{room} has no place among the layers")
        elif library in guarded and library not in layers[room.removeprefix(f"{top}.")]:
            found.add(f"{words}, which {room} may not")
        elif library == top and order.get(room_of(one.imported, root), len(order)) > order[room]:
            found.add(f"{words}, which is not below {room}")
    return sorted(found)


def package_graph(root: Path, top: str) -> dict[str, dict[str, Import]]:
    """Return the packages that each package imports, each with one import that does so."""
    graph: dict[str, dict[str, Import]] = {}
    for one in imports_of(root, top):
        importer = one.importer if one.importer.endswith("__main__") else room_of(one.importer, root)
        edges = graph.setdefault(importer, {})
        if one.imported.split(".")[0] == top:
            imported = room_of(one.imported, root)
            if imported != importer:
                edges.setdefault(imported, one)
    return graph


def cycle(graph: Mapping[str, Mapping[str, Import]]) -> list[str]:
    """Return the packages of a cycle in the order of their imports, the first once more at the end."""
    done: set[str] = set()

    def search(package: str, way: list[str]) -> list[str]:
        if package in way:
            return [*way[way.index(package) :], package]
        if package in done:
            return []
        for other in graph.get(package, ()):
            if found := search(other, [*way, package]):
                return found
        done.add(package)
        return []

    return next(filter(None, (search(package, []) for package in graph)), [])


def hidden_modules(root: Path, top: str) -> list[str]:
    """Name the modules whose package binds something else to their name."""
    modules = modules_of(root, top)
    hidden = []
    for name, path in modules.items():
        if path.name != "__init__.py":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom):
                bound = {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
            elif isinstance(node, (ast.FunctionDef, ast.ClassDef)):
                bound = {node.name: ""}
            else:
                continue
            hidden += [f"{name}.{own}" for own, origin in bound.items() if _hides(name, own, origin, modules)]
    return hidden


def _hides(package: str, name: str, origin: str, modules: Mapping[str, Path]) -> bool:
    module = f"{package}.{name}"
    return module in modules and module != origin
