"""Lower a program in its precision, and write the file that is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch  # noqa: F401  before executorch, whose extensions need it
from executorch.exir import (
    EdgeCompileConfig,
    ExecutorchBackendConfig,
    ExecutorchProgramManager,
    to_edge_transform_and_lower,
)
from torch.export import ExportedProgram

from etbench.artifact import Delegation, GraphOperator
from etbench.builder.coverage import coverage
from etbench.builder.outline import outline
from etbench.builder.rejections import listening
from etbench.delegates import OtherRuntime, ToWrite

__all__ = ["Lowered", "lower", "written"]


@dataclass(frozen=True)
class Lowered:
    """A lowered program and what is known about it; `write` writes it to a file.

    `delegation` is None if another runtime executes it: what that does with the operators is not known.
    """

    arena_bytes: int
    delegation: Delegation | None
    executable: ExecutorchProgramManager | None
    operators: list[GraphOperator] = field(default_factory=list)
    own_reason: str | None = None  # why another runtime has quantized the model itself

    def write(self, path: Path) -> None:
        """Write the program, unless lowering has already written it."""
        if self.executable is not None:
            with path.open("wb") as file:
                self.executable.write_to_file(file)


def lower(
    program: ExportedProgram,
    delegate: list[Any],
    *,
    check_ir: bool = True,
    sizes: Mapping[str, int] | None = None,
) -> Lowered:
    """Lower a program with the partitioners of a delegate.

    Args:
        program: in its precision.
        delegate: what the `_target_` of `conf/delegate` returned.
        check_ir: refuse operators that are not in ExecuTorch's core set; without this, the runtime refuses
            those for which it has no kernel.
        sizes: those of the dynamic axes that are timed, for the shapes and operations of the operators.

    """
    # Registers the out variants of quantized_decomposed; without it int8 on portable kernels fails with
    # "Missing out variants" (executorch 1.5.1).
    import executorch.kernels.quantized  # noqa: F401

    with listening(delegate) as rejections:
        edge = to_edge_transform_and_lower(
            program, partitioner=delegate, compile_config=EdgeCompileConfig(_check_ir_validity=check_ir)
        )
    lowered = edge.exported_program()
    delegation = coverage(lowered.graph_module, rejections.reason)
    operators = outline(lowered, sizes or {})
    # Otherwise a buffer that the program writes to, such as a key-value cache, is copied twice per call.
    in_place = bool(program.graph_signature.buffers_to_mutate)
    executable = edge.to_executorch(ExecutorchBackendConfig(run_reinplace_pass=in_place))
    return Lowered(_arena_bytes(executable), delegation, executable, operators)


def written(given: ToWrite, delegate: OtherRuntime, path: Path) -> Lowered:
    """Write a program into a file in the format of another runtime."""
    reason = delegate.write(given, path)
    return Lowered(0, None, None, own_reason=reason)


def _arena_bytes(executable: ExecutorchProgramManager) -> int:
    plans = executable.executorch_program.execution_plan
    return sum(int(size) for plan in plans for size in plan.non_const_buffer_sizes)
