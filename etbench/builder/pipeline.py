"""The pipeline of a build: load, reference, export, quantize, lower, write."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from etbench.artifact import Artifact, DataUse, Delegation, is_pytorch_program, program_path
from etbench.artifact.decoding import decode
from etbench.artifact.references import specs_of, write_references
from etbench.builder.export import at_other_sizes, explaining_call, export, fits_contiguous
from etbench.builder.lowering import lower
from etbench.builder.numerics import compare_layers
from etbench.builder.quantization import count_quantized, refuse_uncast, refuse_unquantized
from etbench.builder.repeatable import disagreement, keeping_state, random_operators
from etbench.builder.segments import read_segments
from etbench.calibration import Batches, read_batches
from etbench.config import Recipe
from etbench.config.component import instantiate
from etbench.config.sections import Dynamic
from etbench.errors import EtbenchError, NotApplicableError
from etbench.events import Stages
from etbench.models import LoadedModel, load
from etbench.models.arguments import input_names
from etbench.models.wrapping import flatten
from etbench.precisions import Shown, cast_inputs, convert
from etbench.system.files import sha256
from etbench.text import counted

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
    not_repeatable: str = ""


def prepare(recipe: Recipe, stages: Stages) -> Prepared:
    """Load the recipe's model, run it eagerly on the reference inputs, and export it.

    Raises:
        EtbenchError: of the stage that failed: load, reference or export.

    """
    with stages("load"):
        loaded = load(recipe.model)
        batches = read_batches(recipe.calibration, loaded.inputs, input_names(loaded.module))
    with stages("reference"):
        with keeping_state(loaded.module):
            batches, outputs = _run_references(loaded, batches)
            sizes = Dynamic() if loaded.exported else recipe.model.dynamic
            other_sizes = at_other_sizes(batches.references[0], sizes)
            others = [(inputs, _run_eager(loaded, inputs)) for inputs in other_sizes]
        differs = ""
        if not loaded.generation:
            with keeping_state(loaded.module):
                differs = disagreement(outputs[0], partial(_run_eager, loaded, batches.references[0]))
    with stages("export"), torch.no_grad():
        generation = loaded.generation
        dynamic = Dynamic(seq_len=generation.prompt_tokens) if generation else recipe.model.dynamic
        program = loaded.exported
        if program is None or not fits_contiguous(program):
            program = export(loaded.module, batches.references[0], dynamic)
    drawn = random_operators(program) if differs else ""
    differs = f"{differs}; it draws: {drawn}" if drawn else differs
    return Prepared(loaded, batches, outputs, others, program, dynamic, differs)


def build_artifact(recipe: Recipe, prepared: Prepared, folder: Path, stages: Stages) -> Artifact:
    """Build the recipe's program into the folder and return its description.

    If the program would be that of another precision, the description is a refusal, and the files are empty.

    Raises:
        EtbenchError: of the stage that failed: quantize, lower or write.

    """
    try:
        return _built(recipe, prepared, folder, stages)
    except NotApplicableError as error:
        return _refused(error, prepared, folder, stages)


def _built(recipe: Recipe, prepared: Prepared, folder: Path, stages: Stages) -> Artifact:
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
        quantized = count_quantized(converted) if conversion.quantizes else None
        if quantized is not None:
            refuse_unquantized(quantized, recipe.precision)
        elif conversion.dtype is not None:
            refuse_uncast(converted, conversion.dtype, recipe.precision)
        only_timed = 1 if calibrates and batches.single and len(references) > 1 else 0
    numerics = None
    if recipe.numerics:
        with stages("numerics"):
            numerics = compare_layers(
                prepared.program, batches.references[only_timed:], converted, references[only_timed:]
            )
    with stages("lower"):
        delegate = instantiate(recipe.delegate.target, recipe.delegate.options, stage="lower")
        lowered = lower(converted, delegate, program_path(folder), check_ir=recipe.delegate.check_ir)
    with stages("write"):
        others = [cast_inputs(conversion, inputs) for inputs, _ in prepared.others]
        expected = prepared.outputs + [outputs for _, outputs in prepared.others]
        write_references(folder, references + others, expected, loaded.generation, only_timed=only_timed)
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
        references=len(prepared.outputs) - only_timed,
        weights=loaded.weights,
        data=_described(batches),
        logits_axis=loaded.logits_axis,
        delegation=lowered.delegation,
        build_s=stages.seconds,
        calibration=_calibrated_on(batches, shown, loaded.inputs.batch) if calibrates else "",
        numerics=numerics,
        not_repeatable=prepared.not_repeatable,
        quantized=quantized,
        generation=loaded.generation,
        data_use=_data_use(batches, calibrates=calibrates),
    )


def _refused(error: NotApplicableError, prepared: Prepared, folder: Path, stages: Stages) -> Artifact:
    program_path(folder).touch()
    write_references(folder, [], [])
    return Artifact(
        pte_bytes=0,
        sha256=sha256(program_path(folder)),
        arena_bytes=0,
        batch=prepared.loaded.inputs.batch,
        inputs=[],
        outputs=[],
        references=0,
        weights=prepared.loaded.weights,
        data=prepared.batches.description,
        logits_axis=None,
        delegation=Delegation(subgraphs=0, delegated_nodes=0, total_nodes=0, left_behind={}),
        build_s=stages.seconds,
        refusal=error.message,
    )


def _with_own_constants(program: ExportedProgram) -> ExportedProgram:
    """Return the program with its own dictionary of constants.

    Lowering for Core ML and for Vulkan (executorch 1.5.1) empties the dictionary of its program, which the
    next precision or delegate needs. No other change of a program was observed.
    """
    own = copy.copy(program)
    own._constants = dict(program.constants)
    return own


def _run_references(loaded: LoadedModel, batches: Batches) -> tuple[Batches, list[list[Tensor]]]:
    """Run the model on the references; of derived ones, those that it cannot take are left out.

    A derived input may be no valid one: an index out of range, or a number that has no logarithm.
    """
    if not batches.single:
        return batches, [_run_eager(loaded, inputs) for inputs in batches.references]
    example, *derived = batches.references
    kept, outputs, reasons = [example], [_run_eager(loaded, example)], []
    for inputs in derived:
        try:
            found = _run_eager(loaded, inputs)
        except EtbenchError as error:
            reasons.append(f"eager raised {error.message}")
            continue
        if _are_finite(outputs[0]) and not _are_finite(found):
            reasons.append("eager gave values that are not finite")
            continue
        kept.append(inputs)
        outputs.append(found)
    note = f"{len(reasons)} of {len(derived)} derived inputs: {reasons[0]}" if reasons else batches.note
    return dataclasses.replace(batches, references=kept, note=note), outputs


def _are_finite(tensors: Sequence[Tensor]) -> bool:
    return all(bool(tensor.isfinite().all()) for tensor in tensors)


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


def _described(batches: Batches) -> str:
    derived = len(batches.references) - 1 if batches.single else 0
    return f"{batches.description}, and {derived} derived from it" if derived else batches.description


def _calibrated_on(batches: Batches, shown: Shown, size: int) -> str:
    count = f"{counted(len(shown.batches), 'batch')} of size {size}"
    return f"{count} from {batches.description}; {shown.observer} observer"


def _data_use(batches: Batches, *, calibrates: bool) -> DataUse:
    derived = len(batches.references) - 1 if batches.single else 0
    return DataUse(
        source=batches.source,
        calibrated_on=len(batches.calibration) if calibrates else 0,
        compared_on=derived if calibrates and derived else len(batches.references),
        derived=derived,
        compared_on_calibration=calibrates and batches.single and not derived,
        note=batches.note,
    )
