"""Use a program of another runtime that was built elsewhere: a `.onnx`, `.tflite` or `.xml` file."""

from __future__ import annotations

from pathlib import Path

from etbench.artifact import Artifact, is_code, program_path
from etbench.artifact.openvino_file import pack_model
from etbench.artifact.references import write_references
from etbench.builder.ready_inputs import described, inputs_of
from etbench.config import Model
from etbench.config.component import instantiate
from etbench.errors import EtbenchError
from etbench.events import Stages
from etbench.models.ready import ReadyProgram
from etbench.runtime.executors import ArrayProgram, executor_class
from etbench.system.files import copy_regular

__all__ = ["adopt_file"]


def adopt_file(model: Model, executor: str, folder: Path, stages: Stages) -> Artifact:
    """Copy a ready program of another runtime into the folder and return its description.

    Args:
        model: the file, and its inputs if it leaves sizes open.
        executor: the class that loads and runs it.
        folder: of the artifact.
        stages: report what is done.

    Raises:
        EtbenchError: of stage ``load`` if a file cannot be read, ``load_program`` if the runtime refuses the
            program, ``reference`` if no inputs can be made for it.

    """
    with stages("load"):
        ready: ReadyProgram = instantiate(model.target, model.options, stage="load")
        _copy(ready.path, program_path(folder))
    with stages("load_program"):
        loads = executor_class(executor)
        if not issubclass(loads, ArrayProgram) or is_code(program_path(folder)):
            raise EtbenchError(
                f"{ready.path} is not measured with {loads.name}: loading it may run what is in it",
                stage="load_program",
                hint="if torch.export.save has written it: model=exported",
            )
        program = loads(program_path(folder), 1)
    with stages("reference"):
        given = inputs_of(model, ready, program.inputs)
    with stages("write"):
        write_references(folder, given.inputs, given.outputs)
    return described(given, folder, program.outputs, None, stages)


def _copy(source: Path, path: Path) -> None:
    """Copy a program; OpenVINO's graph with the weights beside it."""
    if source.suffix != ".xml":
        copy_regular(source, path)
        return
    weights = source.with_suffix(".bin")
    if not weights.is_file():
        raise EtbenchError(
            f"{source} has no weights beside it", stage="load", hint=f"expected a file {weights.name}"
        )
    pack_model(source, weights, path)
