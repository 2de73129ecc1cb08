"""Which modules a quantizer leaves in fp32, by patterns of their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from torch import fx

from etbench.errors import EtbenchError, nearest

__all__ = ["kept_modules", "module_path"]

FIRST, LAST = "<first>", "<last>"


def module_path(node: fx.Node) -> str:
    """Return the dotted name of the innermost module that a node of an exported graph came from."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    return max(paths, key=len, default="").removeprefix("L['self'].")


def kept_modules(
    patterns: Sequence[str], names: Sequence[str], layers: Sequence[str]
) -> Callable[[str], bool]:
    """Return a function that takes a module's name and returns whether the module stays fp32.

    It does so if its name, or that of a module that contains it, matches a pattern.

    Args:
        patterns: dotted module names, in which ``*`` matches anything; ``<first>`` and ``<last>`` are the
            first and the last layer that can be quantized.
        names: all modules.
        layers: those that can be quantized, in the order they run.

    Raises:
        EtbenchError: of stage ``quantize`` if a pattern matches no module.

    """
    ends = {FIRST: layers[:1], LAST: layers[-1:]}
    kept: set[str] = set()
    for pattern in patterns:
        found = ends.get(pattern, [name for name in names if name and fnmatchcase(name, pattern)])
        if not found:
            raise EtbenchError(
                f"precision.keep_fp32: {pattern!r} matches no module{nearest(pattern, names)}",
                stage="quantize",
                hint=f"layers of this model are, for example: {', '.join(list(layers)[:8])}",
            )
        kept.update(found)
    return lambda name: any(name == inner or name.startswith(f"{inner}.") for inner in kept)
