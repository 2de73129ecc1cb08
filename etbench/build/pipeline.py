"""The pipeline of a build: load, reference, export, quantize, lower, write."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from executorch.devtools.backend_debug import get_delegation_info
from executorch.exir import EdgeProgramManager, ExecutorchProgramManager, to_edge_transform_and_lower
from torch import Tensor
from torch.export import ExportedProgram
from torch.utils import _pytree as pytree

from etbench.build.artifact import Artifact, Delegation, TensorSpec, program_path
from etbench.build.references import write_references
from etbench.build.segments import read_segments
from etbench.calibration import Batches, read_batches
from etbench.component import instantiate
from etbench.config import Recipe
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models import LoadedModel, load

__all__ = ["Prepared", "build_artifact", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A model loaded, run eagerly and exported: what all its precisions and delegates share."""

    loaded: LoadedModel
    batches: Batches
    outputs: list[list[Tensor]]
    program: ExportedProgram


def prepare(recipe: Recipe, stages: Stages) -> Prepared:
    """Load the recipe's model, run it eagerly on the reference inputs, and export it.

    Raises:
        EtbenchError: of the stage that failed: load, reference or export.

    """
    with stages("load"):
        loaded = load(recipe.model)
        batches = read_batches(recipe.calibration, loaded.inputs)
    with stages("reference"):
        outputs = [_run_eager(loaded, inputs) for inputs in batches.references]
    with stages("export"), torch.no_grad():
        program = torch.export.export(loaded.module, batches.references[0], strict=False)
    return Prepared(loaded, batches, outputs, program)


def build_artifact(recipe: Recipe, prepared: Prepared, folder: Path, stages: Stages) -> Artifact:
    """Build the recipe's program into the folder and return what is known about it.

    Raises:
        EtbenchError: of the stage that failed: quantize, lower or write.

    """
    loaded, batches = prepared.loaded, prepared.batches
    with stages("quantize"):
        quantize = instantiate(recipe.precision.target, recipe.precision.options, stage="quantize")
        shown = batches.calibration if recipe.precision.calibrates else batches.references[:1]
        program = quantize(prepared.program, shown)
    with stages("lower"):
        partitioners = instantiate(recipe.delegate.target, recipe.delegate.options, stage="lower")
        edge, executable = _lower(program, partitioners)
    with stages("write"):
        write_references(folder, batches.references, prepared.outputs)
        digest = _write(executable, program_path(folder))
        segments = read_segments(program_path(folder))
    return Artifact(
        pte_bytes=program_path(folder).stat().st_size,
        sha256=digest,
        arena_bytes=_arena_bytes(executable),
        constant_bytes=segments.constant_bytes,
        delegate_bytes=segments.delegate_bytes,
        batch=loaded.inputs.batch,
        inputs=_specs(batches.references[0]),
        outputs=_specs(prepared.outputs[0]),
        references=len(prepared.outputs),
        weights=loaded.weights,
        data=batches.description,
        logits_axis=loaded.logits_axis,
        delegation=_delegation(edge),
        build_s=stages.seconds,
    )


def _run_eager(loaded: LoadedModel, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    with torch.no_grad():
        outputs = loaded.module(*inputs)
    tensors = [leaf for leaf in pytree.tree_leaves(outputs) if isinstance(leaf, Tensor)]
    if not tensors:
        raise EtbenchError(
            f"the model returned {type(outputs).__name__} without a tensor in it",
            stage="reference",
            hint="wrap it so that it returns tensors",
        )
    return tensors


def _lower(program: ExportedProgram, partitioners: list[Any]) -> tuple[EdgeProgramManager, Any]:
    # Registers the out variants of quantized_decomposed; without it int8 on portable kernels fails with
    # "Missing out variants" (executorch 1.5.1).
    import executorch.kernels.quantized  # noqa: F401

    edge = to_edge_transform_and_lower(program, partitioner=partitioners)
    return edge, edge.to_executorch()


def _write(executable: ExecutorchProgramManager, path: Path) -> str:
    with path.open("wb") as file:
        executable.write_to_file(file)
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _arena_bytes(executable: ExecutorchProgramManager) -> int:
    plans = executable.executorch_program.execution_plan
    return sum(int(size) for plan in plans for size in plan.non_const_buffer_sizes)


def _delegation(edge: EdgeProgramManager) -> Delegation:
    info = get_delegation_info(edge.exported_program().graph_module)
    left = {
        name: breakdown.non_delegated
        for name, breakdown in info.delegation_by_operator.items()
        if breakdown.non_delegated
    }
    return Delegation(
        subgraphs=info.num_delegated_subgraphs,
        delegated_nodes=info.num_delegated_nodes,
        total_nodes=info.num_delegated_nodes + info.num_non_delegated_nodes,
        left_behind=dict(sorted(left.items(), key=lambda item: (-item[1], item[0]))),
    )


def _specs(tensors: Sequence[Tensor]) -> list[TensorSpec]:
    return [TensorSpec(shape=list(t.shape), dtype=str(t.dtype).removeprefix("torch.")) for t in tensors]
