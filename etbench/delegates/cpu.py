"""Delegates that run on any CPU."""

from __future__ import annotations

from typing import Any

__all__ = ["portable", "xnnpack"]


def xnnpack(*, per_op: bool = False) -> list[Any]:
    """Return XNNPACK's partitioner; what it leaves runs on portable kernels.

    Args:
        per_op: a subgraph for each operator instead of as few as possible: slower, but a profile then names
            every operator.

    """
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    # bf16 operators are left behind unless asked for; those of other types do not look at it (1.5.1).
    return [XnnpackPartitioner(per_op_mode=per_op, enable_bf16=True)]


def portable() -> list[Any]:
    """Return no partitioner: every operator runs on ExecuTorch's portable kernels."""
    return []
