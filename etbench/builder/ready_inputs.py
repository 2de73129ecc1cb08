"""The inputs of a program that was built elsewhere, and its description with them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
from torch import Tensor

from etbench.artifact import Artifact, DataSource, DataUse, Delegation, TensorSpec, program_path
from etbench.artifact.references import read_given, specs_of
from etbench.config import Model
from etbench.config.sections import InputSpec
from etbench.data import crops, image_paths, photographs
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models.inputs import ImageInputs, common_batch, shaped_inputs
from etbench.models.ready import ReadyProgram
from etbench.system.files import sha256

__all__ = ["Given", "described", "inputs_of"]


@dataclass(frozen=True)
class Given:
    """Inputs of a ready program, its outputs for them if they are known, and where they come from."""

    inputs: Sequence[Sequence[Tensor]]
    outputs: Sequence[Sequence[Tensor]]
    data: str
    source: DataSource


def inputs_of(model: Model, ready: ReadyProgram, wanted: Sequence[TensorSpec]) -> Given:
    """Return the inputs that the user gave or specified, or else one batch that is made as the program wants.

    Raises:
        EtbenchError: of stage ``reference`` if a size or a dtype is not known.

    """
    if ready.reference:
        return Given(*read_given(ready.reference), f"the inputs in {ready.reference.name}", "file")
    inputs = shaped_inputs(model.inputs or [_asked(spec, number) for number, spec in enumerate(wanted)])
    if isinstance(inputs, ImageInputs):
        batch = inputs.encode(crops(photographs(image_paths(None)), inputs.batch, seed=0))
        data = f"photographs of scikit-learn (CC BY 2.0); {inputs.description}"
        return Given([batch], [], data, "images")
    return Given([inputs.tensors], [], inputs.description, "made_up")  # type: ignore[union-attr]  # shapes never make sentences


def _asked(spec: TensorSpec, number: int) -> InputSpec:
    try:
        return msgspec.convert(msgspec.to_builtins(spec), InputSpec)
    except msgspec.ValidationError as error:
        raise EtbenchError(
            f"input {number} of the program is {spec.dtype} {spec.shape}: {error}",
            stage="reference",
            hint="set model.inputs=[{shape: [...], dtype: ...}], or provide the inputs in a file: "
            "model.reference=<.safetensors or .npz>",
        ) from error


def described(
    given: Given, folder: Path, outputs: list[TensorSpec], delegation: Delegation | None, stages: Stages
) -> Artifact:
    """Return the description of a program that was built elsewhere, with no memory planned for it."""
    path = program_path(folder)
    return Artifact(
        pte_bytes=path.stat().st_size,
        sha256=sha256(path),
        arena_bytes=0,
        batch=common_batch(given.inputs[0]),
        inputs=specs_of(given.inputs[0]),
        outputs=outputs,
        references=len(given.outputs),
        weights="in the program",
        data=given.data,
        logits_axis=None,
        delegation=delegation,
        build_s=stages.seconds,
        data_use=DataUse(source=given.source, calibrated_on=0, compared_on=len(given.outputs)),
    )
