"""The pipeline of a build: load, reference, export, quantize, lower, write."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path

import torch
from torch import Tensor
from torch.export import ExportedProgram

from etbench.artifact import Artifact, DataUse, TimedSize, program_path
from etbench.artifact.references import in_format, specs_of, write_references
from etbench.builder.converting import Converter
from etbench.builder.cost import Work, cost_of, count_work, sizes_of
from etbench.builder.export import export, fits
from etbench.builder.lowering import lower, written
from etbench.builder.mixing import Mixing, Ranking, mix
from etbench.builder.numerics import compare_layers
from etbench.builder.open_axes import OpenAxes, open_axes
from etbench.builder.quantization import count_quantized, refuse_uncast, refuse_unquantized
from etbench.builder.reference import Reference, run_references
from etbench.builder.repeatable import random_operators
from etbench.builder.segments import read_segments
from etbench.builder.weights import weights_digest
from etbench.calibration import Batches, read_batches
from etbench.config import Recipe
from etbench.config.component import instantiate
from etbench.config.sections import Dynamic, MemoryFormat
from etbench.delegates import OtherRuntime, ToWrite
from etbench.errors import EtbenchError, NotApplicableError
from etbench.events import Stages
from etbench.models import LoadedModel, load
from etbench.models.arguments import input_names
from etbench.models.inputs import ImageInputs, in_index_order
from etbench.precisions import Shown, cast_inputs
from etbench.system.files import sha256
from etbench.text import counted, shape_text

__all__ = ["Prepared", "build_artifact", "prepare"]


@dataclass(frozen=True)
class Prepared:
    """A model loaded, run eagerly and exported: what all its precisions and delegates share.

    Args:
        loaded: the model.
        reference: its data, and what the eager model returns for them.
        program: its export.
        axes: the axes along which the program accepts any size.
        weights_sha256: a checksum of the weights, see `etbench.builder.weights`.
        rankings: of its blocks, by precision, as they were found.

    """

    loaded: LoadedModel
    reference: Reference
    program: ExportedProgram
    axes: OpenAxes
    weights_sha256: str
    rankings: dict[bytes, Ranking] = field(default_factory=dict)

    @cached_property
    def sizes(self) -> dict[str, int]:
        """The sizes of the dynamic axes that are timed, see `etbench.builder.cost.sizes_of`."""
        timed = self.reference.batches.references[0]
        return sizes_of(self.program, timed, token=self.loaded.generation is not None)

    @cached_property
    def work(self) -> Work:
        """The operations of an inference, which no precision and no delegate changes."""
        return count_work(self.program, self.sizes)

    @property
    def not_repeatable(self) -> str:
        """How two runs of the eager model on one input differ, and what it draws; empty if they agree."""
        differs = self.reference.disagreement
        drawn = random_operators(self.program) if differs else ""
        return f"{differs}; it draws: {drawn}" if drawn else differs


def prepare(recipe: Recipe, stages: Stages) -> Prepared:
    """Load the recipe's model, run it eagerly on the reference inputs, and export it.

    Raises:
        EtbenchError: of the stage that failed: load, reference or export.

    """
    with stages("load"):
        loaded = load(recipe.model)
        batches = read_batches(recipe.calibration, loaded.inputs, input_names(loaded.module))
        batches = _in_format(batches, recipe.model.memory_format)
    with stages("reference"):
        reference = run_references(loaded, batches, recipe.model.dynamic)
    with stages("export"), torch.no_grad():
        example, axes = batches.references[0], reference.axes
        if loaded.generation:
            axes = open_axes(example, Dynamic(seq_len=loaded.generation.prompt_tokens))
        program = loaded.exported
        if program is None or not fits(program, recipe.model.memory_format):
            program = export(loaded.module, example, axes)
    return Prepared(loaded, reference, program, axes, weights_digest(loaded.module))


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
    loaded, reference = prepared.loaded, prepared.reference
    batches = reference.batches
    with stages("quantize"):
        calibrates = recipe.precision.calibrates
        shown = Shown(
            batches.calibration if calibrates else batches.references[:1],
            recipe.calibration.observer,
            partial(export, axes=prepared.axes),
        )
        converter = Converter(recipe.precision, loaded.module, prepared.program, shown)
        conversion = converter.conversion()
        references = [cast_inputs(conversion, inputs) for inputs in batches.references]
        only_timed = 1 if calibrates and batches.derived else 0
        mixed = None
        if recipe.precision.is_mixed:
            ranked_on = batches.calibration or batches.references
            mixing = Mixing(converter, ranked_on, batches.references[only_timed:])
            converted, mixed = mix(mixing, prepared.rankings)
        else:
            converted = converter.convert()
        quantized = count_quantized(converted) if conversion.quantizes else None
        if quantized is not None:
            refuse_unquantized(quantized, recipe.precision)
        elif conversion.dtype is not None:
            refuse_uncast(converted, conversion.dtype, recipe.precision)
    numerics = None
    if recipe.numerics:
        with stages("numerics"):
            numerics = compare_layers(
                prepared.program, batches.references[only_timed:], converted, references[only_timed:]
            )
    with stages("lower"):
        delegate = instantiate(recipe.delegate.target, recipe.delegate.options, stage="lower")
        cost = cost_of(prepared.work, converted, [*references[0], *reference.outputs[0]])
        if isinstance(delegate, OtherRuntime):
            given = ToWrite(
                converted, prepared.program, shown.batches, recipe.precision, quantized=conversion.quantizes
            )
            lowered = written(given, delegate, program_path(folder))
        else:
            lowered = lower(converted, delegate, check_ir=recipe.delegate.check_ir, sizes=prepared.sizes)
    with stages("write"):
        others = [cast_inputs(conversion, other.inputs) for other in reference.others]
        expected = reference.outputs + [other.outputs for other in reference.others]
        write_references(
            folder,
            references + others,
            expected,
            loaded.generation,
            only_timed=only_timed,
            memory_format=recipe.model.memory_format,
            notes=loaded.inputs.notes if isinstance(loaded.inputs, ImageInputs) else None,
        )
        lowered.write(program_path(folder))
        segments = read_segments(program_path(folder)) if lowered.executable else None
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
        memory_format=recipe.model.memory_format,
        dynamic=recipe.model.dynamic,
        timed_sizes=[
            TimedSize(reference=number, inputs=[list(tensor.shape) for tensor in other.inputs])
            for number, other in enumerate(reference.others, len(reference.outputs))
            if other.timed
        ],
        outputs=specs_of(
            [t[:1] for t in reference.outputs[0]] if loaded.generation else reference.outputs[0]
        ),
        references=len(reference.outputs) - only_timed,
        weights=loaded.weights,
        weights_sha256=prepared.weights_sha256,
        data=_described(batches),
        logits_axis=loaded.logits_axis,
        delegation=lowered.delegation,
        build_s=stages.seconds,
        calibration=_calibrated_on(batches, shown, loaded.inputs.batch) if calibrates else "",
        numerics=numerics,
        not_repeatable=prepared.not_repeatable,
        quantized=quantized,
        quantization="" if quantized is None else "same" if lowered.own_reason is None else "own",
        own_reason=lowered.own_reason or "",
        mixed=mixed,
        generation=loaded.generation,
        data_use=_data_use(batches, calibrates=calibrates),
        cost=cost,
        operators=lowered.operators,
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
        data=prepared.reference.batches.description,
        logits_axis=None,
        delegation=None,
        build_s=stages.seconds,
        refusal=error.message,
    )


def _float_dtypes(program: ExportedProgram) -> list[str]:
    """Return the floating-point dtypes of a program's inputs and weights."""
    values = [node.meta.get("val") for node in program.graph.nodes if node.op == "placeholder"]
    dtypes = {value.dtype for value in values if isinstance(value, Tensor) and value.is_floating_point()}
    return sorted(str(dtype).removeprefix("torch.") for dtype in dtypes)


def _in_format(batches: Batches, memory_format: MemoryFormat) -> Batches:
    """Return data whose floating-point inputs with four axes have the memory format."""
    if memory_format == "contiguous":
        return batches
    references, calibration = (
        [in_format(batch, memory_format) for batch in some]
        for some in (batches.references, batches.calibration)
    )
    if all(in_index_order(tensor) for tensor in references[0]):
        shapes = ", ".join(shape_text(tensor.shape) for tensor in references[0])
        raise EtbenchError(
            f"model.memory_format={memory_format} changes nothing for inputs of {shapes}",
            stage="load",
            hint="it is for floating-point inputs with four axes, several channels and more than one pixel",
        )
    return dataclasses.replace(batches, references=references, calibration=calibration)


def _described(batches: Batches) -> str:
    if not batches.derived:
        return batches.description
    return f"{batches.description}, and {batches.derived} derived from it"


def _calibrated_on(batches: Batches, shown: Shown, size: int | None) -> str:
    count = counted(len(shown.batches), "batch") + (f" of size {size}" if size is not None else "")
    return f"{count} from {batches.description}; {shown.observer} observer"


def _data_use(batches: Batches, *, calibrates: bool) -> DataUse:
    return DataUse(
        source=batches.source,
        calibrated_on=len(batches.calibration) if calibrates else 0,
        compared_on=batches.derived if calibrates and batches.derived else len(batches.references),
        derived=batches.derived,
        compared_on_calibration=calibrates and batches.single and not batches.derived,
        note=batches.note,
        samples=batches.samples,
        calibration_pictures=batches.picture_digests if calibrates else [],
        calibration_inputs=batches.input_digests if calibrates else [],
    )
