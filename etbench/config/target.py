"""Look up the function that a `_target_` names in the sources, without importing anything.

What a source does not show is not called wrong: a name that is made at run time, or a signature that a
decorator may change.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

from etbench.errors import nearest
from etbench.system.modules import Module, import_path, locate

__all__ = ["name_fault", "options_fault", "refusal"]

MOST_IMPORTS = 8  # from module to module, until the one that defines a name
DYNAMIC = ("globals", "vars", "exec", "setattr", "__getattr__")  # with these a module may define any name
Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = Function | ast.ClassDef


@dataclass(frozen=True)
class _Names:
    """The names of a module: definitions, other names, and what is imported from where.

    `is_open` is set if there may be more.
    """

    defined: dict[str, Definition] = field(default_factory=dict)
    bound: set[str] = field(default_factory=set)
    imported: dict[str, tuple[str, str]] = field(default_factory=dict)
    is_open: bool = False

    @property
    def all(self) -> list[str]:
        """All names, without private ones."""
        names = (*self.defined, *self.imported, *self.bound)
        return [name for name in names if not name.startswith("_")]


def name_fault(target: str) -> str | None:
    """Return why a dotted name cannot be imported, or None if nothing is wrong with it.

    Returns:
        A text without the name itself: the module is not found, is not valid Python, or has no such name.

    """
    module, rest = locate(target, import_path())
    if module is None:
        top = target.partition(".")[0]
        return f"there is no module {top!r}; is its folder on PYTHONPATH?"
    if not rest:
        return f"{target!r} is a module; add the name of a function in it"
    try:
        names = _names(module)
    except SyntaxError as error:
        place = f"{module.file}:{error.lineno}" if error.lineno else f"{module.file}"
        return f"{place}: {error.msg}"
    if names is None or names.is_open or rest[0] in {*names.defined, *names.imported, *names.bound}:
        return None
    return f"module {module.name!r} has no {rest[0]!r}{nearest(rest[0], names.all)}"


def options_fault(target: str, options: Iterable[str]) -> str | None:
    """Return why a function does not accept these options, or None if it does or that is not known."""
    module, rest = locate(target, import_path())
    if module is None or len(rest) != 1:
        return None
    try:
        definition = _definition(module, rest[0])
    except SyntaxError:  # which `name_fault` reports
        return None
    signature = _signature(definition) if definition is not None else None
    return refusal(signature, dict.fromkeys(options)) if signature is not None else None


def refusal(signature: inspect.Signature, options: Mapping[str, object]) -> str | None:
    """Return why a function does not accept options as keyword arguments, or None if it does."""
    try:
        signature.bind(**options)
    except TypeError as error:
        names = list(signature.parameters)
        takes_any = any(one.kind is one.VAR_KEYWORD for one in signature.parameters.values())
        odd = [] if takes_any else [name for name in options if name not in names]
        if odd:
            return f"does not accept these options: unknown option {odd[0]!r}{nearest(odd[0], names)}"
        return f"does not accept these options: {error}"
    return None


def _names(module: Module) -> _Names | None:
    """Return the names of a module, or None if it has no source."""
    path = module.file
    if path is None or path.suffix != ".py" or not path.is_file():
        return None
    status = path.stat()
    return _names_in(path, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=64)
def _names_in(path: Path, _mtime_ns: int, _size: int) -> _Names:
    tree = ast.parse(path.read_bytes())
    names = _Names(is_open=any(_makes_names(node) for node in ast.walk(tree)))
    for node in _statements(tree.body):
        if isinstance(node, Definition):
            if node.name in names.defined:  # one of several, as `if` or `overload` decides
                names.bound.add(node.name)
            names.defined[node.name] = node
        elif isinstance(node, ast.ImportFrom):
            source = "." * node.level + (node.module or "")
            for alias in node.names:
                names.imported[alias.asname or alias.name] = (source, alias.name)
        elif isinstance(node, ast.Import):
            names.bound.update(alias.asname or alias.name.partition(".")[0] for alias in node.names)
        else:
            names.bound.update(
                inner.id
                for inner in ast.walk(node)
                if isinstance(inner, ast.Name) and isinstance(inner.ctx, ast.Store)
            )
    return names


def _statements(body: Iterable[ast.stmt]) -> Iterator[ast.stmt]:
    """Yield the statements of a module, those inside of `if`, `try` and the like as well."""
    for node in body:
        yield node
        if not isinstance(node, Definition):
            for inner in ast.iter_child_nodes(node):
                if isinstance(inner, ast.stmt):
                    yield from _statements([inner])
                elif isinstance(inner, (ast.ExceptHandler, ast.match_case)):
                    yield from _statements(inner.body)


def _makes_names(node: ast.AST) -> bool:
    """Return whether a node of a module may define names that are not to be seen in it."""
    star = isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    named = getattr(node, "id", "") in DYNAMIC or getattr(node, "name", "") in DYNAMIC
    return star or named or isinstance(node, ast.Global)


def _definition(module: Module, name: str) -> Definition | None:
    """Return the definition of a name, followed through the imports, or None if it is not found."""
    for _ in range(MOST_IMPORTS):
        names = _names(module)
        if names is None or name in names.bound:
            return None
        if name in names.defined:
            return names.defined[name] if name not in names.imported else None
        if name not in names.imported:
            return None
        source, name = names.imported[name]
        full = _absolute(source, module)
        found, rest = locate(full, import_path()) if full else (None, [])
        if found is None or rest:
            return None
        module = found
    return None


def _absolute(source: str, module: Module) -> str:
    """Return the full name of what a module imports from, such as ``..nets``; empty if it leads nowhere."""
    package = module.name if module.folders else module.name.rpartition(".")[0]
    try:
        return importlib.util.resolve_name(source, package)
    except ImportError:  # beyond the top-level package
        return ""


def _signature(node: Definition) -> inspect.Signature | None:
    """Return the signature of a function, or of a class with its own `__init__`, or None if unknown."""
    if node.decorator_list:
        return None
    if isinstance(node, Function):
        return _of_arguments(node.args)
    own = {inner.name: inner for inner in node.body if isinstance(inner, Function)}
    init = own.get("__init__")
    if init is None or "__new__" in own or node.keywords or init.decorator_list:
        return None
    signature = _of_arguments(init.args)
    return signature.replace(parameters=list(signature.parameters.values())[1:])


def _of_arguments(given: ast.arguments) -> inspect.Signature:
    kinds = inspect.Parameter
    positional = [*given.posonlyargs, *given.args]
    optional = {arg.arg for arg in positional[len(positional) - len(given.defaults) :]} | {
        arg.arg for arg, default in zip(given.kwonlyargs, given.kw_defaults, strict=True) if default
    }

    def parameters(names: Iterable[ast.arg], kind: inspect._ParameterKind) -> list[inspect.Parameter]:
        return [kinds(arg.arg, kind, default=None if arg.arg in optional else kinds.empty) for arg in names]

    return inspect.Signature(
        [
            *parameters(given.posonlyargs, kinds.POSITIONAL_ONLY),
            *parameters(given.args, kinds.POSITIONAL_OR_KEYWORD),
            *parameters(filter(None, [given.vararg]), kinds.VAR_POSITIONAL),
            *parameters(given.kwonlyargs, kinds.KEYWORD_ONLY),
            *parameters(filter(None, [given.kwarg]), kinds.VAR_KEYWORD),
        ]
    )
