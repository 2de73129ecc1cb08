"""Other interpreters of this host: what is installed for them, and environments that etbench manages."""

from __future__ import annotations

from etbench.environments.installed import BUILDING, RUNNING, Interpreter, look
from etbench.environments.names import interpreter, managed_names
from etbench.environments.versions import can_import, provider, python_version_in, version_in

__all__ = [
    "BUILDING",
    "RUNNING",
    "Interpreter",
    "can_import",
    "interpreter",
    "look",
    "managed_names",
    "provider",
    "python_version_in",
    "version_in",
]
