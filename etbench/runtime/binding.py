"""The Python binding of ExecuTorch's runtime, whose name differs between its versions.

It is imported by its name rather than as `executorch.runtime`, which takes seconds and copies every output.
"""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch  # noqa: F401  its libraries, which the binding needs

from etbench.environments.installed import BINDINGS, check_one_executorch
from etbench.errors import EtbenchError

__all__ = ["binding", "check_binding"]

PACKAGE = "executorch.extension.pybindings"


def _imported() -> Any:
    """Import the newest binding that this executorch has; one that is there and does not load is an error."""
    check_one_executorch()
    names = [f"{PACKAGE}.{name}" for name in BINDINGS]
    return import_module(next(filter(find_spec, names), names[0]))


binding: Any = _imported()


def check_binding(expected: Path) -> None:
    """Check that the binding is the one that was found before the interpreter was started.

    The folders of two installations of executorch merge, since it has no `__init__.py`: one reports its
    version while the binding of the other runs.

    Raises:
        EtbenchError: of stage ``load_program`` if it is another one.

    """
    if not expected.samefile(binding.__file__):
        raise EtbenchError(
            f"this interpreter runs the binding {binding.__file__} instead of its own, {expected}",
            stage="load_program",
            hint="remove the folder of another executorch from PYTHONPATH and from the working folder",
        )
