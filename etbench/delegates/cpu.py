"""Delegates that run on any CPU."""

from __future__ import annotations

from typing import Any

__all__ = ["portable", "xnnpack"]


def xnnpack(*, per_op: bool = False) -> list[Any]:
    """Return XNNPACK's partitioner; the operators that it does not take run on portable kernels.

    Args:
        per_op: one subgraph per operator instead of as few as possible: slower, but a profile then names
            every operator.

    """
    from executorch.backends.xnnpack.partition.config.gemm_configs import AddmmConfig, LinearConfig, MMConfig

    from etbench.delegates.partitions import RULES, AcyclicXnnpackPartitioner

    # In bf16 XNNPACK multiplies matrices and refuses convolutions ("xnn_status_invalid_parameter" on load,
    # executorch 1.5.1), so the second partitioner takes only the former. It takes nothing in other dtypes.
    multiplications = [LinearConfig, AddmmConfig, MMConfig]
    return [
        AcyclicXnnpackPartitioner(configs=RULES, per_op_mode=per_op),
        AcyclicXnnpackPartitioner(configs=multiplications, per_op_mode=per_op, enable_bf16=True),
    ]


def portable() -> list[Any]:
    """Return no partitioner: every operator runs on the runtime's own CPU kernels.

    In the wheel (1.5.1) these are ExecuTorch's optimized kernels for the operators that have one, and
    portable kernels for the others. There is no other choice, since an operator can have only one kernel.
    """
    return []
