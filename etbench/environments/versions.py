"""Versions in this interpreter or in another one, given as a configuration names it."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from etbench.environments.installed import look
from etbench.environments.names import interpreter

__all__ = ["can_import", "python_version_in", "version_in"]


def python_version_in(env: str | None) -> str:
    """Return the version of Python; `env` is None for this interpreter, else see `names.interpreter`.

    Raises:
        EtbenchError: of stage ``env`` if there is no such interpreter.

    """
    return platform.python_version() if env is None else look(interpreter(env)).version


def version_in(env: str | None, package: str) -> str | None:
    """Return the version of an installed package, or None; see `python_version_in`."""
    return _here(package) if env is None else look(interpreter(env)).version_of(package)


@cache
def _here(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def can_import(env: str | None, module: str) -> bool:
    """Return whether a top-level module can be imported; see `python_version_in`."""
    return find_spec(module) is not None if env is None else look(interpreter(env)).has(module)
