"""Which modules a quantizer leaves in fp32, by patterns of their names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase

from torch import fx

from etbench.errors import EtbenchError, nearest

__all__ = ["kept_modules", "module_path", "own_code"]

FIRST, LAST, OWN = "<first>", "<last>", "<own>"


def module_path(node: fx.Node) -> str:
    """Return the dotted name of the innermost module that a node of an exported graph came from."""
    stack = node.meta.get("nn_module_stack") or {}
    paths = [str(path) for path, _ in stack.values()]
    return max(paths, key=len, default="").removeprefix("L['self'].")


def own_code(name: str) -> str:
    """Return the pattern for what a module computes itself, outside of the modules in it.

    >>> own_code("encoder"), own_code("")
    ('encoder.<own>', '<own>')
    """
    return f"{name}.{OWN}" if name else OWN


def kept_modules(
    patterns: Sequence[str], names: Sequence[str], layers: Sequence[str]
) -> Callable[[str], bool]:
    """Return a function that takes a module's name and returns whether the module stays fp32.

    It does so if its name, or that of a module that contains it, matches a pattern.

    Args:
        patterns: dotted module names, in which ``*`` matches anything; ``<first>`` and ``<last>`` are the
            first and the last layer that can be quantized; ``name.<own>`` is what a module computes itself,
            such as an addition, and ``<own>`` what the model does.
        names: all modules.
        layers: those that can be quantized, in the order they run.

    Raises:
        EtbenchError: of stage ``quantize`` if a pattern matches no module.

    """
    ends = {FIRST: layers[:1], LAST: layers[-1:]}
    own_codes = {own_code(name): name for name in ("", *names)}
    kept, kept_own = set[str](), set[str]()
    for pattern in patterns:
        if pattern in own_codes:
            kept_own.add(own_codes[pattern])
            continue
        found = ends.get(pattern, [name for name in names if name and fnmatchcase(name, pattern)])
        if not found:
            raise EtbenchError(
                f"precision.keep_fp32: {pattern!r} matches no module{nearest(pattern, names)}",
                stage="quantize",
                hint=f"layers of this model are, for example: {', '.join(list(layers)[:8])}",
            )
        kept.update(found)
    return lambda name: (
        name in kept_own or any(name == inner or name.startswith(f"{inner}.") for inner in kept)
    )
