"""Delegates that run on any CPU."""

from __future__ import annotations

from typing import Any

__all__ = ["portable", "xnnpack"]


def xnnpack() -> list[Any]:
    """Return XNNPACK's partitioner; what it leaves runs on portable kernels."""
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner

    return [XnnpackPartitioner()]


def portable() -> list[Any]:
    """Return no partitioner: every operator runs on ExecuTorch's portable kernels."""
    return []
