"""Call the function that a `_target_` in the YAML names."""

from __future__ import annotations

import inspect
from typing import Any

from hydra.utils import get_method

from etbench.errors import EtbenchError, nearest

__all__ = ["instantiate"]


def instantiate(target: str, options: dict[str, Any], *, stage: str) -> Any:
    """Import a dotted name and call it.

    Raises:
        EtbenchError: of this stage if there is no such name, or it does not accept these options.

    """
    try:
        function = get_method(target)
    except Exception as error:
        raise EtbenchError(
            f"cannot import _target_={target}: {error}", stage=stage, hint="is its folder on PYTHONPATH?"
        ) from error
    try:
        inspect.signature(function).bind(**options)
    except TypeError as error:
        names = list(inspect.signature(function).parameters)
        odd = next((name for name in options if name not in names), "")
        raise EtbenchError(
            f"{target} does not accept these options: {error}{nearest(odd, names) if odd else ''}",
            stage=stage,
        ) from error
    return function(**options)
