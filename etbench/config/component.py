"""Call the function that a `_target_` in the YAML names."""

from __future__ import annotations

import inspect
from typing import Any

from hydra.utils import get_method

from etbench.config.target import name_fault, refusal
from etbench.errors import EtbenchError
from etbench.events.translation import root_cause

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
            f"cannot import _target_={target}: {_reason(target, error)}", stage=stage
        ) from error
    if reason := refusal(inspect.signature(function), options):
        raise EtbenchError(f"{target} {reason}", stage=stage)
    return function(**options)


def _reason(target: str, error: Exception) -> str:
    """Return why a name cannot be imported: it does not exist, or else what its module raised."""
    if fault := name_fault(target):
        return fault
    cause = root_cause(error)
    return f"importing {target.rpartition('.')[0]} raised {type(cause).__name__}: {cause}"
