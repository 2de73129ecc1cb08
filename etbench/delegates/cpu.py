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
    from executorch.backends.xnnpack.partition.config.gemm_configs import AddmmConfig, LinearConfig, MMConfig

    from etbench.delegates.partitions import AcyclicXnnpackPartitioner

    # In bf16 XNNPACK multiplies matrices and refuses convolutions ("xnn_status_invalid_parameter" on load,
    # executorch 1.5.1), so the second partitioner takes only the former. It finds nothing in other types.
    multiplications = [LinearConfig, AddmmConfig, MMConfig]
    return [
        AcyclicXnnpackPartitioner(per_op_mode=per_op),
        AcyclicXnnpackPartitioner(configs=multiplications, per_op_mode=per_op, enable_bf16=True),
    ]


def portable() -> list[Any]:
    """Return no partitioner: every operator runs on the kernels that the runtime itself has for the CPU.

    In the wheel (1.5.1) these are ExecuTorch's optimized ones where it has such, and portable ones else;
    there is no other choice, since only one kernel of an operator can be registered.
    """
    return []
