"""The pipeline of a build: load, reference, export, quantize, lower, write."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

from etbench.build.artifact import Artifact, TensorSpec, program_path
from etbench.build.lowering import digest, lower
from etbench.build.numerics import compare_layers
from etbench.build.references import write_references
from etbench.calibration import Batches, read_batches
from etbench.component import instantiate
from etbench.config import Recipe
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models import LoadedModel, load
from etbench.precisions import Shown, cast_inputs, convert

__all__ = ["build_artifact"]


def build_artifact(recipe: Recipe, folder: Path, stages: Stages) -> Artifact:
    """Build the recipe's program into the folder and return what is known about it.

    Raises:
        EtbenchError: of the stage that failed.

    """
    with stages("load"):
        loaded = load(recipe.model)
        batches = read_batches(recipe.calibration, loaded.inputs)
    with stages("reference"):
        outputs = [_run_eager(loaded, inputs) for inputs in batches.references]
    with stages("export"), torch.no_grad():
        program = torch.export.export(loaded.module, batches.references[0], strict=False)
    with stages("quantize"):
        conversion = instantiate(recipe.precision.target, recipe.precision.options, stage="quantize")
        calibrates = recipe.precision.calibrates
        shown = Shown(
            batches.calibration if calibrates else batches.references[:1], recipe.calibration.observer
        )
        converted = convert(conversion, loaded.module, program, shown)
        references = [cast_inputs(conversion, inputs) for inputs in batches.references]
    numerics = None
    if recipe.numerics:
        with stages("numerics"):
            numerics = compare_layers(program, batches.references, converted, references)
    with stages("lower"):
        delegate = instantiate(recipe.delegate.target, recipe.delegate.options, stage="lower")
        lowered = lower(converted, delegate, program_path(folder))
    with stages("write"):
        write_references(folder, references, outputs)
        lowered.write(program_path(folder))
    return Artifact(
        pte_bytes=program_path(folder).stat().st_size,
        sha256=digest(program_path(folder)),
        arena_bytes=lowered.arena_bytes,
        batch=loaded.inputs.batch,
        inputs=_specs(references[0]),
        outputs=_specs(outputs[0]),
        references=len(outputs),
        weights=loaded.weights,
        data=batches.description,
        logits_axis=loaded.logits_axis,
        delegation=lowered.delegation,
        build_s=stages.seconds,
        calibration=_calibrated_on(batches, shown) if calibrates else "",
        numerics=numerics,
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


def _calibrated_on(batches: Batches, shown: Shown) -> str:
    count = len(shown.batches)
    return f"{count} batch{'es' if count > 1 else ''} of {batches.description}; {shown.observer} observer"


def _specs(tensors: Sequence[Tensor]) -> list[TensorSpec]:
    return [TensorSpec(shape=list(t.shape), dtype=str(t.dtype).removeprefix("torch.")) for t in tensors]
