"""What an inference costs at least, in words."""

from __future__ import annotations

from etbench.artifact.description import Cost
from etbench.text import and_more

__all__ = ["cost_words"]

NAMED = 3


def cost_words(cost: Cost) -> str:
    """Write how many operations and bytes an inference needs, and what is not counted.

    >>> cost = Cost(flops=2 * 10**9, weight_bytes=10**7, moved_bytes=2 * 10**7, without_formula={"relu": 2})
    >>> cost_words(cost)
    '2 GFLOP, 10 MB of weights, 100 FLOP per byte; not counted: 2 relu'
    """
    flops = "operations unknown" if cost.flops is None else f"{cost.flops / 1e9:.4g} GFLOP"
    intensity = "" if cost.flops_per_byte is None else f", {cost.flops_per_byte:.3g} FLOP per byte"
    rest = and_more([f"{count} {_short(name)}" for name, count in cost.without_formula.items()], NAMED)
    return f"{flops}, {cost.weight_bytes / 1e6:.3g} MB of weights{intensity}" + (
        f"; not counted: {rest}" if rest else ""
    )


def _short(name: str) -> str:
    return name.removeprefix("aten.").removesuffix(".default")
