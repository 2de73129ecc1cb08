"""The reference: what the eager fp32 model returns for the inputs that its programs are compared on."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor

from etbench.artifact.decoding import decode
from etbench.builder.export import explaining_call
from etbench.builder.open_axes import OpenAxes, open_axes
from etbench.builder.repeatable import disagreement, keeping_state
from etbench.calibration import Batches
from etbench.config.sections import Dynamic
from etbench.errors import EtbenchError
from etbench.models import LoadedModel
from etbench.models.wrapping import flatten

__all__ = ["OtherReference", "Reference", "run_references"]


@dataclass(frozen=True)
class OtherReference:
    """Inputs of another size, the outputs for them, and whether the program is timed at this size."""

    inputs: tuple[Tensor, ...]
    outputs: list[Tensor]
    timed: bool


@dataclass(frozen=True)
class Reference:
    """Inputs and outputs of the eager model.

    Args:
        batches: the model's data, without references that it cannot take.
        outputs: for each reference batch.
        others: those at other sizes that a program with dynamic axes must accept.
        axes: the axes along which it accepts any size.
        disagreement: how two runs on one input differ; empty if they agree.

    """

    batches: Batches
    outputs: list[list[Tensor]]
    others: list[OtherReference]
    axes: OpenAxes
    disagreement: str


def run_references(loaded: LoadedModel, batches: Batches, dynamic: Dynamic) -> Reference:
    """Run the eager model in the order in which a program will run, from the state in which it is exported.

    Args:
        loaded: the model; its state stays as it is.
        batches: its data.
        dynamic: the axes along which its program accepts any size.

    Raises:
        EtbenchError: of stage ``reference``.

    """
    example = batches.references[0]
    axes = open_axes(example, dynamic, partial(_takes, loaded))
    with keeping_state(loaded.module):
        batches, outputs = _run_batches(loaded, batches)
        others = [
            OtherReference(other.inputs, _run_eager(loaded, other.inputs), other.timed)
            for other in axes.other_sizes(example)
        ]
    differs = ""
    if not loaded.generation:
        with keeping_state(loaded.module):
            differs = disagreement(outputs[0], partial(_run_eager, loaded, example))
    return Reference(batches, outputs, others, axes, differs)


def _takes(loaded: LoadedModel, inputs: tuple[Tensor, ...]) -> bool:
    """Return whether the eager model runs on inputs."""
    try:
        with keeping_state(loaded.module):
            _run_eager(loaded, inputs)
    except EtbenchError:
        return False
    return True


def _run_batches(loaded: LoadedModel, batches: Batches) -> tuple[Batches, list[list[Tensor]]]:
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
