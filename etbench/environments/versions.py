"""Versions in this interpreter or in another one, given as a configuration names it."""

from __future__ import annotations

import platform
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from etbench.environments.installed import look
from etbench.environments.names import interpreter, managed_names

__all__ = ["can_import", "provider", "python_version_in", "version_in"]


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


def provider(named: str | None, env: str | None, module: str, environment: str | None) -> str | None:
    """Return the interpreter that is to import a module; see `python_version_in`.

    Args:
        named: the one that the user names, if any.
        env: the one that needs the module.
        module: a top-level module.
        environment: the managed environment that replaces `env` if only that one has the module.

    """
    if named or environment is None or can_import(env, module):
        return named or env
    return environment if environment in managed_names() else env
