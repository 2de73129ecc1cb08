"""The pipeline of a build: load, reference, export, quantize, lower, write."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from etbench.artifact import Artifact, is_pytorch_program, program_path
from etbench.artifact.decoding import decode
from etbench.artifact.references import specs_of, write_references
from etbench.builder.export import at_other_sizes, explaining_call, export, fits_contiguous
from etbench.builder.lowering import lower
from etbench.builder.numerics import compare_layers
from etbench.builder.segments import read_segments
from etbench.calibration import Batches, read_batches
from etbench.config import Recipe
from etbench.config.component import instantiate
from etbench.config.sections import Dynamic
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models import LoadedModel, load
from etbench.models.arguments import input_names
from etbench.models.wrapping import flatten
from etbench.precisions import Shown, cast_inputs, convert
from etbench.system.files import sha256

__all__ = ["Prepared", "build_artifact", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A model loaded, run eagerly and exported: what all its precisions and delegates share.

    Args:
        loaded: the model.
        batches: its data.
        outputs: what the eager model returns for each reference batch.
        others: inputs at other sizes that a program with dynamic axes must accept, and the outputs for them.
        program: its export.
        dynamic: the dynamic axes of the program.

    """

    loaded: LoadedModel
    batches: Batches
    outputs: list[list[Tensor]]
    others: list[tuple[tuple[Tensor, ...], list[Tensor]]]
    program: ExportedProgram
    dynamic: Dynamic


def prepare(recipe: Recipe, stages: Stages) -> Prepared:
    """Load the recipe's model, run it eagerly on the reference inputs, and export it.

    Raises:
        EtbenchError: of the stage that failed: load, reference or export.

    """
    with stages("load"):
        loaded = load(recipe.model)
        batches = read_batches(recipe.calibration, loaded.inputs, input_names(loaded.module))
    with stages("reference"):
        outputs = [_run_eager(loaded, inputs) for inputs in batches.references]
        sizes = Dynamic() if loaded.exported else recipe.model.dynamic
        others = [
            (inputs, _run_eager(loaded, inputs)) for inputs in at_other_sizes(batches.references[0], sizes)
        ]
    with stages("export"), torch.no_grad():
        generation = loaded.generation
        dynamic = Dynamic(seq_len=generation.prompt_tokens) if generation else recipe.model.dynamic
        program = loaded.exported
        if program is None or not fits_contiguous(program):
            program = export(loaded.module, batches.references[0], dynamic)
    return Prepared(loaded, batches, outputs, others, program, dynamic)


def build_artifact(recipe: Recipe, prepared: Prepared, folder: Path, stages: Stages) -> Artifact:
    """Build the recipe's program into the folder and return its description.

    Raises:
        EtbenchError: of the stage that failed: quantize, lower or write.

    """
    loaded, batches = prepared.loaded, prepared.batches
    with stages("quantize"):
        conversion = instantiate(recipe.precision.target, recipe.precision.options, stage="quantize")
        calibrates = recipe.precision.calibrates
        shown = Shown(
            batches.calibration if calibrates else batches.references[:1],
            recipe.calibration.observer,
            partial(export, dynamic=prepared.dynamic),
        )
        converted = convert(conversion, loaded.module, _with_own_constants(prepared.program), shown)
        references = [cast_inputs(conversion, inputs) for inputs in batches.references]
    numerics = None
    if recipe.numerics:
        with stages("numerics"):
            numerics = compare_layers(prepared.program, batches.references, converted, references)
    with stages("lower"):
        delegate = instantiate(recipe.delegate.target, recipe.delegate.options, stage="lower")
        lowered = lower(converted, delegate, program_path(folder))
    with stages("write"):
        others = [cast_inputs(conversion, inputs) for inputs, _ in prepared.others]
        expected = prepared.outputs + [outputs for _, outputs in prepared.others]
        write_references(folder, references + others, expected, loaded.generation)
        lowered.write(program_path(folder))
        pytorch = is_pytorch_program(program_path(folder))
        segments = None if pytorch else read_segments(program_path(folder))
    return Artifact(
        pte_bytes=program_path(folder).stat().st_size,
        sha256=sha256(program_path(folder)),
        arena_bytes=lowered.arena_bytes,
        constant_bytes=segments.constant_bytes if segments else None,
        delegate_bytes=segments.delegate_bytes if segments else None,
        batch=loaded.inputs.batch,
        inputs=specs_of(references[0]),
        input_names=input_names(loaded.module)[: len(references[0])],
        constants={name: repr(value) for name, value in loaded.constants.items()},
        float_dtypes=_float_dtypes(converted),
        dynamic=recipe.model.dynamic,
        outputs=specs_of([t[:1] for t in prepared.outputs[0]] if loaded.generation else prepared.outputs[0]),
        references=len(prepared.outputs),
        weights=loaded.weights,
        data=batches.description,
        logits_axis=loaded.logits_axis,
        delegation=lowered.delegation,
        build_s=stages.seconds,
        calibration=_calibrated_on(batches, shown) if calibrates else "",
        numerics=numerics,
        generation=loaded.generation,
    )


def _with_own_constants(program: ExportedProgram) -> ExportedProgram:
    """Return the program with its own dictionary of constants.

    Lowering for Core ML and for Vulkan (executorch 1.5.1) empties the dictionary of its program, which the
    next precision or delegate needs. No other change of a program was observed.
    """
    own = copy.copy(program)
    own._constants = dict(program.constants)
    return own


def _float_dtypes(program: ExportedProgram) -> list[str]:
    """Return the floating-point dtypes of a program's inputs and weights."""
    values = [node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"]
    dtypes = {value.dtype for value in values if isinstance(value, Tensor) and value.is_floating_point()}
    return sorted(str(dtype).removeprefix("torch.") for dtype in dtypes)


def _run_eager(loaded: LoadedModel, inputs: tuple[Tensor, ...]) -> list[Tensor]:
    with torch.no_grad(), explaining_call(loaded.module, inputs):
        if loaded.generation:
            return [decode(lambda given: loaded.module(*given), inputs, loaded.generation.new_tokens)]
        outputs = loaded.module(*inputs)
    tensors = flatten(outputs)
    if not tensors:
        raise EtbenchError(
            f"the model returned {type(outputs).__name__}, which contains no tensor",
            stage="reference",
            hint="wrap the model so that it returns tensors",
        )
    return tensors


def _calibrated_on(batches: Batches, shown: Shown) -> str:
    count = len(shown.batches)
    return f"{count} batch{'es' if count > 1 else ''} of {batches.description}; {shown.observer} observer"
