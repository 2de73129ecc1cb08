"""Use a program that was built elsewhere: it is only read, not exported or lowered."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import msgspec
from executorch.exir import schema

from etbench.artifact import (
    Artifact,
    Delegation,
    TensorSpec,
    is_code,
    program_path,
)
from etbench.artifact.references import write_references
from etbench.builder.ready_file import adopt_file
from etbench.builder.ready_inputs import described, inputs_of
from etbench.builder.segments import read_program, read_segments
from etbench.config import Recipe
from etbench.config.component import instantiate
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models.ready import ReadyProgram
from etbench.system.files import copy_regular

__all__ = ["adopt"]

METHOD = "forward"


def adopt(recipe: Recipe, folder: Path, stages: Stages) -> Artifact:
    """Copy a ready program into the folder and return its description.

    Raises:
        EtbenchError: of stage ``load`` if a file cannot be read, ``load_program`` if the runtime refuses the
            program or it is one of PyTorch, ``reference`` if no inputs can be made for it.

    """
    model = recipe.model
    if recipe.delegate.executor:
        return adopt_file(model, recipe.delegate.executor, folder, stages)
    with stages("load"):
        ready: ReadyProgram = instantiate(model.target, model.options, stage="load")
        copy_regular(ready.path, program_path(folder))
    with stages("load_program"):
        if is_code(program_path(folder)):  # of PyTorch, which executes what is in it when it is loaded
            raise EtbenchError(
                f"{ready.path} is a program of PyTorch, not of ExecuTorch",
                stage="load_program",
                hint=f"if torch.export.save has written it: model=exported model.path={ready.path}",
            )
        from etbench.runtime.program import load_program

        load_program(folder, threads=1)  # first, since the runtime best explains what is wrong with a file
        plan = _plan(program_path(folder))
    with stages("reference"):
        values = [plan.values[index].val for index in plan.inputs]
        given = inputs_of(model, ready, [_spec(value, number) for number, value in enumerate(values)])
    with stages("write"):
        write_references(folder, given.inputs, given.outputs)
        segments = read_segments(program_path(folder))
    values = [plan.values[index].val for index in plan.outputs]
    outputs = [_output(value) for value in values if _is_tensor(value)]
    return msgspec.structs.replace(
        described(given, folder, outputs, _delegation(plan), stages),
        arena_bytes=sum(plan.non_const_buffer_sizes),
        constant_bytes=segments.constant_bytes,
        delegate_bytes=segments.delegate_bytes,
    )


def _plan(path: Path) -> Any:
    plans = {plan.name: plan for plan in read_program(path).execution_plan}
    if METHOD not in plans:
        raise EtbenchError(
            f"the program has no method {METHOD!r}; its methods are: {', '.join(plans)}",
            stage="load_program",
            hint="etbench measures `forward`: export the program with a method of this name",
        )
    return plans[METHOD]


def _spec(value: Any, number: int) -> TensorSpec:
    """Return shape and dtype of an input of the program, with the largest size of each dynamic axis."""
    if not _is_tensor(value):
        raise EtbenchError(
            f"input {number} of the program is not a tensor but {type(value).__name__}", stage="reference"
        )
    return _output(value)


_DTYPES = {
    "FLOAT": "float32",
    "DOUBLE": "float64",
    "HALF": "float16",
    "BFLOAT16": "bfloat16",
    "LONG": "int64",
    "INT": "int32",
    "SHORT": "int16",
    "CHAR": "int8",
    "BYTE": "uint8",
    "BOOL": "bool",
}


def _output(value: Any) -> TensorSpec:
    name = value.scalar_type.name
    return TensorSpec(shape=list(value.sizes), dtype=_DTYPES.get(name, name.lower()))


def _is_tensor(value: Any) -> bool:
    return isinstance(value, schema.Tensor)


def _delegation(plan: Any) -> Delegation:
    """Count what the program calls; a delegate counts as one call, since its content is not visible."""
    calls = [instruction.instr_args for chain in plan.chains for instruction in chain.instructions]
    kernels = Counter(
        _name(plan.operators[call.op_index]) for call in calls if isinstance(call, schema.KernelCall)
    )
    backends = Counter(
        plan.delegates[call.delegate_index].id for call in calls if isinstance(call, schema.DelegateCall)
    )
    return Delegation(
        subgraphs=len(plan.delegates),
        delegated_nodes=backends.total(),
        total_nodes=kernels.total() + backends.total(),
        left_behind=dict(kernels.most_common()),
        delegated=dict(backends.most_common()),
    )


def _name(operator: Any) -> str:
    return f"{operator.name.partition('::')[2] or operator.name}.{operator.overload or 'default'}"
